// SPDX-License-Identifier: GPL-2.0-only
//! Revisions, read through the `git` command: whoever has a repository has it, and three of its commands are all that
//! is needed. Nothing that a repository's own configuration could start (filters, hooks, external diffs) runs.

use super::side::{Content, Entry, Listing, Problem};
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A revision in a repository.
#[derive(Debug, Clone)]
pub struct Repo {
    dir: PathBuf,
    commit: String,
    pub(super) name: String,
}

/// The two revisions of `A..B`, `A...B` (from where the two parted) or of `A` and `B` given apart; an empty one is
/// `HEAD`.
///
/// # Errors
///
/// git is not there, `dir` is no repository, or it has no such revision.
pub fn range(dir: &Path, from: &str, to: Option<&str>) -> io::Result<(Repo, Repo)> {
    let or_head = |name: &str| {
        if name.is_empty() {
            "HEAD".to_owned()
        } else {
            name.to_owned()
        }
    };
    let (from, to, is_from_base) = match (to, from.split_once("...")) {
        (Some(to), _) => (from.to_owned(), to.to_owned(), false),
        (None, Some((from, to))) => (or_head(from), or_head(to), true),
        (None, None) => match from.split_once("..") {
            Some((from, to)) => (or_head(from), or_head(to), false),
            None => return Err(io::Error::other(format!("{from:?}: expected a range such as A..B"))),
        },
    };
    let (mut old, new) = (Repo::open(dir, &from)?, Repo::open(dir, &to)?);
    if is_from_base {
        let base = git(dir, &["merge-base", &old.commit, &new.commit])?;
        old = Repo {
            commit: base.trim().to_owned(),
            name: format!("{from}...{to}"),
            ..old
        };
    }
    Ok((old, new))
}

fn command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(dir)
        .args(args)
        // A revision that is not there is an error, not a reason to ask a server for it.
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> io::Result<Vec<u8>> {
    let out = command(dir, args)
        .output()
        .map_err(|error| io::Error::new(error.kind(), format!("git: {error}; on Debian: apt-get install git")))?;
    if out.status.success() {
        return Ok(out.stdout);
    }
    let said = String::from_utf8_lossy(&out.stderr);
    Err(io::Error::other(format!(
        "git {}: {}",
        args.first().unwrap_or(&""),
        said.trim()
    )))
}

fn git(dir: &Path, args: &[&str]) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&run(dir, args)?).into_owned())
}

impl Repo {
    fn open(dir: &Path, revision: &str) -> io::Result<Self> {
        let wanted = format!("{revision}^{{commit}}");
        let commit = git(dir, &["rev-parse", "--verify", "--end-of-options", &wanted])?;
        Ok(Self {
            dir: dir.to_owned(),
            commit: commit.trim().to_owned(),
            name: revision.to_owned(),
        })
    }

    pub(super) fn list(&self, within: &[PathBuf]) -> io::Result<Listing> {
        let mut args = vec![
            "--literal-pathspecs",
            "ls-tree",
            "-r",
            "-z",
            "-l",
            "--full-tree",
            &self.commit,
            "--",
        ];
        let within: Vec<String> = within.iter().map(|path| path.display().to_string()).collect();
        args.extend(within.iter().map(String::as_str));
        let listed = run(&self.dir, &args)?;
        let mut listing = Listing::default();
        for record in listed.split(|&byte| byte == 0).filter(|record| !record.is_empty()) {
            let wrong = || io::Error::other("git ls-tree: a line that cannot be read");
            let tab = record.iter().position(|&byte| byte == b'\t').ok_or_else(wrong)?;
            let path = PathBuf::from(OsStr::from_bytes(&record[tab + 1..]));
            let head = String::from_utf8_lossy(&record[..tab]);
            let mut words = head.split_ascii_whitespace();
            let (_mode, kind, object, size) = (words.next(), words.next(), words.next(), words.next());
            match (kind, object, size) {
                (Some("blob"), Some(object), Some(size)) => {
                    let content = Content::Blob(object.to_owned());
                    let size = size.parse().map_err(|_| wrong())?;
                    listing.files.insert(path, Entry { content, size });
                }
                (Some(kind), ..) => listing.problems.push(Problem {
                    path: path.display().to_string(),
                    what: format!("a {kind}, not compared"),
                }),
                _ => return Err(wrong()),
            }
        }
        Ok(listing)
    }

    pub(super) fn batch(&self) -> io::Result<Batch> {
        let mut child = command(&self.dir, &["cat-file", "--batch"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (ask, answer) = pipes.ok_or_else(|| io::Error::other("git cat-file: no pipes"))?;
        Ok(Batch {
            pipes: Mutex::new((ask, BufReader::new(answer))),
            child,
        })
    }
}

/// A process that gives objects by their names.
#[derive(Debug)]
pub(super) struct Batch {
    pipes: Mutex<(ChildStdin, BufReader<ChildStdout>)>,
    child: Child,
}

impl Batch {
    pub(super) fn read(&self, object: &str) -> io::Result<Vec<u8>> {
        let mut pipes = self.pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let (ask, answer) = &mut *pipes;
        writeln!(ask, "{object}")?;
        let mut head = String::new();
        answer.read_line(&mut head)?;
        let size = head
            .trim_end()
            .rsplit(' ')
            .next()
            .and_then(|word| word.parse::<usize>().ok());
        let size = size.ok_or_else(|| io::Error::other(format!("git cat-file: {}", head.trim_end())))?;
        let mut data = vec![0; size];
        answer.read_exact(&mut data)?;
        // A line break ends the content.
        answer.read_exact(&mut [0])?;
        Ok(data)
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        // It has nothing to lose, and may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
