use clap::Parser as _;

use super::*;

#[derive(clap::Parser)]
struct Line {
    #[command(flatten)]
    init: InitArguments,
}

fn arguments(flags: &[&str]) -> InitArguments {
    Line::try_parse_from(["init"].iter().chain(flags)).unwrap().init
}

fn spec(answers: &Answers) -> String {
    answers.files()[0].text.clone()
}

fn asked(flags: &[&str], lines: &str) -> (Result<Answers>, String) {
    let mut said = String::new();
    let answers = Answers::asked(&arguments(flags), None, &mut lines.as_bytes(), &mut |text| said.push_str(text));
    (answers, said)
}

#[test]
fn only_what_flags_leave_open_is_asked_and_empty_answers_take_the_default() {
    let (answers, said) = asked(&["some/place"], "\n\n\n\n\n\n\n\n");
    let answers = answers.unwrap();
    assert_eq!((answers.template, answers.name.as_str(), answers.service.as_str()), (Template::OpenaiLb, "place", "apim-place"));
    assert!(answers.invented_accounts && answers.ci == Ci::None);
    for words in ["Template [openai-lb]", "Name of the gateway [place]", "Region [swedencentral]", "CI [none]"] {
        assert!(said.contains(words), "{said}");
    }
    let all = ["--template", "minimal", "--name", "a", "--service", "s", "--location", "westeurope", "--publisher-email", "a@b.c"];
    let rest = ["--account", "x:g:eastus", "--deployment", "d", "--ci", "none"];
    let (answers, said) = asked(&[&all[..], &rest].concat(), "");
    assert_eq!((said.as_str(), answers.unwrap().accounts[0].location.as_str()), ("", "eastus"));
}

#[test]
fn wrong_answers_are_asked_again() {
    let lines = "7\nptu\n2\ngw\n\n\n\na:b:c:d\na:g:x\n\nb:g:y\n\n\nnone\n";
    let (answers, said) = asked(&["dir"], lines);
    let answers = answers.unwrap();
    assert_eq!((answers.template, answers.accounts.len()), (Template::PtuPriority, 2));
    for words in ["One of openai-lb, ptu-priority", "`a:b:c:d` is no account", "needs at least 2"] {
        assert!(said.contains(words), "{said}");
    }
    assert!(asked(&["dir"], "1\n").0.unwrap_err().to_string().contains("input ended"));
}

#[test]
fn what_a_template_cannot_have_is_refused_by_name() {
    let refused = |flags: &[&str]| Answers::of_flags(&arguments(flags), None).unwrap_err().to_string();
    assert!(refused(&["--template", "minimal", "--account", "a", "--account", "b"]).contains("`minimal` takes 1 account, not 2"));
    assert!(refused(&["--account", "a"]).contains("at least 2 accounts"));
    assert!(refused(&["--location", "a", "--location", "b"]).contains("multi-region"));
    assert!(refused(&["--template", "multi-region", "--location", "a"]).contains("two at least"));
    assert!(refused(&["--team", "a"]).contains("multi-team"));
    assert!(refused(&["--name", "My Gateway"]).contains("`my-gateway`"));
    assert!(refused(&["--account", "a/b"]).contains("no account"));
    assert!(refused(&["--deployment", "a b"]).contains("--deployment"));
}

#[test]
fn accounts_are_called_by_their_region_unless_two_share_it() {
    let flags = ["--account", "one:g:West Europe", "--account", "Two_x:g:westeurope", "--account", "three:g:eastus"];
    let answers = Answers::of_flags(&arguments(&flags), None).unwrap();
    let keys: Vec<String> = (0..3).map(|index| key(&answers.accounts, index)).collect();
    assert_eq!(keys, ["one", "two-x", "eastus"]);
    assert!(spec(&answers).contains("  two-x:\n    account: Two_x\n    resourceGroup: g\n    location: westeurope\n"));
}

#[test]
fn texts_that_yaml_would_read_otherwise_stand_in_quotes() {
    assert_eq!(quoted("Platform team"), "Platform team");
    for text in ["a: b", "yes", "#1", "'", "", " a", "1.5", "@x", "a\"b"] {
        assert!(quoted(text).starts_with('"'), "{text}");
    }
}
