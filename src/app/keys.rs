//! `earwitness keys`: whose signature the log's checkpoints bear, and another key in its place.

use std::io::Write as _;

use anyhow::{Context as _, Result, bail};

use super::reading::is_held;
use super::witness::append;
use crate::cli::{Exit, KeysAct, KeysArgs, show};
use crate::config::{Config, environment};
use crate::notary::{self, KEYS_FILE, succeeded};

/// Shows the key, or puts another in its place.
///
/// # Errors
/// When there is none, or it cannot be changed.
pub fn keys(args: &KeysArgs) -> Result<Exit> {
    let config = match Config::load(args.config.as_deref(), environment()) {
        Ok(config) => config,
        Err(problems) => {
            show(&problems)?;
            return Ok(Exit::Wrong);
        }
    };
    let path = &config.signing_key_file;
    let present = notary::any(path)?;
    let present = present
        .with_context(|| format!("there is no key at {} yet: the first start makes it", path.display()))?;
    let signer = match args.act {
        KeysAct::Show => present,
        KeysAct::Rotate => {
            if is_held(&config.data_dir) {
                bail!("the Earwitness of this configuration runs, and signs with the key: stop it first");
            }
            let keys = config.data_dir.join(KEYS_FILE);
            notary::replace(path, present.verifier().name(), |next| {
                append(&keys, &succeeded(Some(&present), next))
            })?
        }
    };
    writeln!(std::io::stdout(), "{}", signer.verifier().text())?;
    Ok(Exit::Done)
}
