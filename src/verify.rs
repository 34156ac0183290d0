//! Checks of a gateway that runs, local or in Azure.
