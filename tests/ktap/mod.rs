// SPDX-License-Identifier: GPL-2.0-only
//! Reads results in the kernel's test format (`Documentation/dev-tools/ktap.rst`), as far as `tests/c/ktap.h` writes
//! it.

/// Whether a log holds one whole run without a failure; if not, why.
pub(crate) fn judge(log: &[String]) -> Result<usize, String> {
    let mut starts = log.iter().enumerate().filter(|(_, line)| *line == "KTAP version 1");
    let (start, _) = starts.next().ok_or("no results")?;
    if starts.next().is_some() {
        return Err("more than one run".to_owned());
    }
    let mut lines = log.iter().skip(start + 1);
    let plan = lines
        .next()
        .and_then(|line| line.strip_prefix("1..")?.parse::<usize>().ok());
    let plan = plan.filter(|plan| *plan > 0).ok_or("no plan behind the version")?;
    let mut seen = 0;
    let mut failed = Vec::new();
    let mut remarks = Vec::new();
    for line in lines {
        if let Some(remark) = line.strip_prefix("# ") {
            remarks.push(remark);
        } else if let Some(result) = line.strip_prefix("ok ") {
            in_turn(result, &mut seen)?;
            if !remarks.is_empty() {
                return Err(format!("ok {result}, though {}", remarks.join("; ")));
            }
        } else if let Some(result) = line.strip_prefix("not ok ") {
            in_turn(result, &mut seen)?;
            failed.push(format!("not ok {result}: {}", remarks.join("; ")));
            remarks.clear();
        }
    }
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    if seen != plan {
        return Err(format!("{plan} cases planned, {seen} reported"));
    }
    Ok(seen)
}

/// `N NAME`, and N is the next number.
fn in_turn(result: &str, seen: &mut usize) -> Result<(), String> {
    let number = result
        .split_once(' ')
        .and_then(|(number, _)| number.parse::<usize>().ok());
    *seen += 1;
    match number {
        Some(number) if number == *seen => Ok(()),
        _ => Err(format!("result {seen} expected, found {result:?}")),
    }
}

fn log(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

#[test]
fn a_whole_run_passes() {
    assert_eq!(
        judge(&log("boot\nKTAP version 1\n1..2\nok 1 a\nchatter\nok 2 b")),
        Ok(2)
    );
}

#[test]
fn what_is_wrong_is_found() {
    for (text, word) in [
        ("ok 1 a", "no results"),
        ("KTAP version 1\nok 1 a", "no plan"),
        ("KTAP version 1\n1..0", "no plan"),
        ("KTAP version 1\n1..2\nok 1 a", "2 cases planned, 1 reported"),
        ("KTAP version 1\n1..1\n# x\nnot ok 1 a", "not ok 1 a: x"),
        ("KTAP version 1\n1..1\n# x\nok 1 a", "though x"),
        ("KTAP version 1\n1..2\nok 2 a\nok 1 b", "result 1 expected"),
        ("KTAP version 1\n1..1\nok 1 a\nok 2 b", "1 cases planned, 2 reported"),
    ] {
        let why = judge(&log(text)).expect_err(text);
        assert!(why.contains(word), "{text:?}: {why}");
    }
}
