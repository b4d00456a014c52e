// SPDX-License-Identifier: GPL-2.0-only

use super::{Cell, Column, Page, Table, Tone, escape, grouped};

#[test]
fn text_cannot_become_markup() {
    let hostile = "</script><img src=x onerror=alert(1)> & \"quoted\" 'too' \u{1b}[31m";
    let mut table = Table::new(hostile, vec![Column::choice(hostile), Column::text(hostile)]);
    table.row(vec![Cell::text(hostile).to(hostile), Cell::text("x").note(hostile)]);
    let mut page = Page::new(hostile);
    page.heading(hostile);
    page.text(hostile);
    page.facts(&[(hostile, hostile.to_owned())]);
    page.table(&table);
    page.folded(hostile, hostile, [(Tone::Added, hostile)]);
    let html = page.finish();
    assert!(!html.contains("<img"), "{html}");
    assert!(!html.contains('\u{1b}'));
    assert_eq!(html.matches("</script>").count(), 1);
    assert_eq!(html.matches("<script>").count(), 1);
    assert_eq!(escape("<'\">&"), "&lt;&#39;&quot;&gt;&amp;");
}

#[test]
fn sums_stand_below_counts_only() {
    let mut table = Table::new(
        "t",
        vec![Column::text("name"), Column::count("lines"), Column::number("ms")],
    );
    table.row(vec![Cell::text("a"), Cell::count(999), Cell::number(0.5, "0.5")]);
    table.row(vec![Cell::text("b"), Cell::count(2)]);
    let mut page = Page::new("p");
    page.table(&table);
    let html = page.finish();
    let foot = html
        .split("<tfoot>")
        .nth(1)
        .expect("a foot")
        .split("</tfoot>")
        .next()
        .expect("its end");
    assert_eq!(
        foot,
        "<tr><td class=t>shown rows</td><td class=n>1\u{202f}001</td><td class=n></td></tr>"
    );
    assert!(html.contains("<td class=\"n\" data-key=\"0.5\">0.5</td>"));
}

#[test]
fn thousands_are_set_apart() {
    let plain = |count| grouped(count).replace('\u{202f}', " ");
    assert_eq!(plain(0), "0");
    assert_eq!(plain(999), "999");
    assert_eq!(plain(1000), "1 000");
    assert_eq!(plain(1_234_567), "1 234 567");
}
