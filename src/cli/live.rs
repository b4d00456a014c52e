// SPDX-License-Identifier: GPL-2.0-only
//! The live table: every channel in physical units, with a plot of its last values.

use super::plain::headline;
use super::report::digits;
use super::run::{Reading, Update, View};
use anyhow::Result;
use ratatui::DefaultTerminal;
use ratatui::Frame;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Sparkline};
use std::collections::VecDeque;
use std::time::Duration;

/// Values kept for a plot: more than the widest terminal shows.
const HISTORY: usize = 512;
/// Lines of logs and reports at the bottom.
const MESSAGES: usize = 6;

/// One channel on the screen.
struct Row {
    driver: String,
    device: String,
    channel: String,
    unit: &'static str,
    last: Result<f64, String>,
    history: VecDeque<f64>,
}

impl Row {
    fn take(&mut self, value: &Result<f64, String>) {
        self.last.clone_from(value);
        if let Ok(value) = value {
            if self.history.len() == HISTORY {
                self.history.pop_front();
            }
            self.history.push_back(*value);
        }
    }

    fn bounds(&self) -> (f64, f64) {
        let start = (f64::INFINITY, f64::NEG_INFINITY);
        self.history
            .iter()
            .fold(start, |(min, max), value| (min.min(*value), max.max(*value)))
    }
}

/// The state of the screen.
#[derive(Default)]
struct Screen {
    /// One line about each domain: its driver, and what is said of it.
    domains: Vec<(String, String)>,
    dead: Vec<String>,
    rows: Vec<Row>,
    messages: VecDeque<(Color, String)>,
}

/// The live table on a terminal. Dropping it gives the terminal back.
pub(crate) struct Live {
    terminal: DefaultTerminal,
    screen: Screen,
    /// Reports that must outlive the screen.
    farewell: Vec<String>,
}

impl Live {
    /// Takes the terminal.
    ///
    /// # Errors
    ///
    /// It is none.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            terminal: ratatui::try_init()?,
            screen: Screen::default(),
            farewell: Vec::new(),
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        ratatui::restore();
        for report in &self.farewell {
            eprintln!("linux-compat: {report}");
        }
    }
}

impl View for Live {
    fn show(&mut self, update: &Update) -> Result<()> {
        match update {
            Update::Died(death) => self.farewell.push(death.to_string()),
            Update::Failed { driver, error } => self.farewell.push(format!("{driver}: {error}")),
            _ => {}
        }
        self.screen.take(update);
        Ok(())
    }

    fn tick(&mut self) -> Result<bool> {
        while event::poll(Duration::ZERO)? {
            if let Event::Key(key) = event::read()?
                && key.kind == KeyEventKind::Press
            {
                let is_interrupt = key.code == KeyCode::Char('c') && key.modifiers.contains(KeyModifiers::CONTROL);
                if is_interrupt || matches!(key.code, KeyCode::Char('q') | KeyCode::Esc) {
                    return Ok(true);
                }
            }
        }
        self.terminal.draw(|frame| self.screen.draw(frame))?;
        Ok(false)
    }
}

impl Screen {
    fn take(&mut self, update: &Update) {
        match update {
            Update::Up(report) => self.domains.push((report.driver.clone(), headline(report))),
            Update::Log(driver, line) => {
                let color = if line.is_warning() {
                    Color::Yellow
                } else {
                    Color::DarkGray
                };
                self.message(color, format!("{driver}: {line}"));
            }
            Update::Reading(reading) => self.reading(reading),
            Update::Tag(tag) => {
                for line in tag.text().lines() {
                    self.message(Color::Green, format!("{}: {}", tag.driver, line.trim()));
                }
            }
            Update::Died(death) => {
                self.dead.push(death.driver.clone());
                for line in death.to_string().lines() {
                    self.message(Color::Red, line.to_owned());
                }
            }
            Update::Failed { driver, error } => self.message(Color::Red, format!("{driver}: {error}")),
            Update::Ended => {}
        }
    }

    fn message(&mut self, color: Color, text: String) {
        if self.messages.len() == MESSAGES {
            self.messages.pop_front();
        }
        self.messages.push_back((color, text));
    }

    fn reading(&mut self, reading: &Reading) {
        for (channel, value) in &reading.values {
            let is_it = |row: &&mut Row| {
                row.driver == reading.driver && row.device == reading.device && row.channel == channel.id
            };
            if let Some(row) = self.rows.iter_mut().find(is_it) {
                row.take(value);
                continue;
            }
            let mut row = Row {
                driver: reading.driver.clone(),
                device: reading.device.clone(),
                channel: channel.id.clone(),
                unit: channel.unit.symbol,
                last: Ok(0.0),
                history: VecDeque::new(),
            };
            row.take(value);
            self.rows.push(row);
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let height = |count: usize| Constraint::Length(u16::try_from(count).unwrap_or(u16::MAX));
        let [top, table, bottom, keys] = Layout::vertical([
            height(self.domains.len() + 1),
            Constraint::Min(1),
            height(self.messages.len()),
            Constraint::Length(1),
        ])
        .areas(frame.area());
        let heads = self.domains.iter().map(|(driver, text)| {
            let line = Line::from(text.as_str());
            if self.dead.contains(driver) {
                line.red()
            } else {
                line.bold()
            }
        });
        frame.render_widget(Paragraph::new(heads.collect::<Vec<_>>()), top);
        self.draw_rows(frame, table);
        let messages = self
            .messages
            .iter()
            .map(|(color, text)| Line::styled(text.as_str(), Style::new().fg(*color)));
        frame.render_widget(Paragraph::new(messages.collect::<Vec<_>>()), bottom);
        let help = "q ends   from another terminal: linux-compat ls|cat|write|watch DRIVER [PATH] [VALUE]";
        frame.render_widget(Line::from(help).dark_gray(), keys);
    }

    fn draw_rows(&self, frame: &mut Frame<'_>, area: Rect) {
        let count = u16::try_from(self.rows.len()).unwrap_or(u16::MAX).max(1);
        // Plots as high as there is room for, but small.
        let height = (area.height / count).clamp(1, 3);
        for (number, row) in (0u16..).zip(&self.rows) {
            let y = area.y.saturating_add(number.saturating_mul(height));
            if y.saturating_add(height) > area.bottom() {
                break;
            }
            self.draw_row(frame, Rect { y, height, ..area }, row);
        }
    }

    fn draw_row(&self, frame: &mut Frame<'_>, area: Rect, row: &Row) {
        let [name, value, bounds, plot] = Layout::horizontal([
            Constraint::Length(26),
            Constraint::Length(25),
            Constraint::Length(24),
            Constraint::Min(8),
        ])
        .spacing(1)
        .areas(area);
        let is_dead = self.dead.contains(&row.driver);
        let color = if is_dead {
            Color::DarkGray
        } else {
            color_of(&row.channel)
        };
        let label = Line::from(vec![
            Span::from(format!("{} ", row.device)).dark_gray(),
            Span::from(row.channel.as_str()).fg(color),
        ]);
        frame.render_widget(label, name);
        let text = match &row.last {
            _ if is_dead => Line::from("dead").red(),
            Ok(number) => Line::from(format!("{:>11} {}", digits(*number), row.unit)).bold(),
            Err(error) => Line::from(error.as_str()).red(),
        };
        frame.render_widget(text, value);
        let (min, max) = row.bounds();
        if min <= max {
            frame.render_widget(Line::from(format!("{min:>10.3} … {max:.3}")).dark_gray(), bounds);
            let data = heights(&row.history, usize::from(plot.width), (min, max));
            frame.render_widget(
                Sparkline::default().data(data).max(PLOT).style(Style::new().fg(color)),
                plot,
            );
        }
    }
}

/// Axes in the colours that everybody gives them.
fn color_of(channel: &str) -> Color {
    match channel.rsplit('_').next() {
        Some("x") => Color::Red,
        Some("y") => Color::Green,
        Some("z") => Color::Blue,
        _ => Color::Cyan,
    }
}

/// The full height of a plot.
const PLOT: u64 = 1000;

/// The last `width` values as heights; a value that does not move lies in the middle.
fn heights(history: &VecDeque<f64>, width: usize, (min, max): (f64, f64)) -> Vec<u64> {
    let span = max - min;
    let skip = history.len().saturating_sub(width);
    let height = |value: &f64| {
        let part = if span > 0.0 { (value - min) / span } else { 0.5 };
        // The lowest value is still to be seen.
        let height = 0.08 + part.clamp(0.0, 1.0) * 0.92;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0.0 to 1.0, times PLOT"
        )]
        let height = (height * 1000.0) as u64;
        height.min(PLOT)
    };
    history.iter().skip(skip).map(height).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::run::Quantity;
    use linux_compat::iio::unit_of;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    fn quantity(id: &str, kind: &str) -> Quantity {
        let (id, unit) = (id.to_owned(), unit_of(kind));
        Quantity { id, unit }
    }

    fn screen() -> Screen {
        let mut screen = Screen::default();
        for step in 0..20 {
            screen.take(&Update::Reading(Reading {
                driver: "adxl345".to_owned(),
                device: "adxl345".to_owned(),
                time_s: 0.0,
                values: vec![
                    (quantity("accel_z", "accel"), Ok(9.81 + f64::from(step))),
                    (quantity("temp", "temp"), Err("input/output error (EIO)".to_owned())),
                ],
            }));
        }
        screen
    }

    fn drawn(screen: &Screen, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| screen.draw(frame)).unwrap();
        terminal.backend().to_string()
    }

    #[test]
    fn channels_are_drawn_with_units_and_plots() {
        let text = drawn(&screen(), 120, 12);
        assert!(text.contains("accel_z") && text.contains("28.8100 m/s²"), "{text}");
        assert!(text.contains('█') && text.contains("EIO"), "{text}");
    }

    #[test]
    fn the_smallest_terminal_is_drawn_too() {
        for (width, height) in [(1, 1), (10, 2), (40, 3)] {
            drawn(&screen(), width, height);
        }
    }

    #[test]
    fn a_steady_value_lies_in_the_middle() {
        assert_eq!(heights(&VecDeque::from([1.0, 1.0]), 1, (1.0, 1.0)), [540]);
        assert_eq!(heights(&VecDeque::from([0.0, 1.0]), 8, (0.0, 1.0)), [80, 1000]);
    }
}
