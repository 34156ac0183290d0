//! `apimctl`: Azure OpenAI gateways on Azure API Management.

use std::process::ExitCode;

use apimctl::cli;
use apimctl::support::environment::Environment;

fn main() -> ExitCode {
    let environment = Environment::of_process();
    let terminal = cli::Terminal::of_process(&environment);
    let mut printer = cli::Printer::of_process(&terminal);

    let command_line = match cli::parse(std::env::args_os()) {
        Ok(command_line) => command_line,
        Err(message) => return printer.usage(&message),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return printer.failure(&anyhow::Error::new(error).context("cannot start the asynchronous runtime")),
    };
    let outcome = runtime.block_on(cli::run(command_line, environment, &mut printer));
    // Whatever still runs has nothing left to say; a blocked name look-up must not hold up the exit.
    runtime.shutdown_background();
    printer.finish(outcome)
}
