// SPDX-License-Identifier: GPL-2.0-only
//! What a build is made of: the driver, the configuration that it wants, and the objects that follow from it.

use super::super::error::BuildError;
use super::super::fdt::Device;
use super::super::lookup;
use super::Build;
use linux_headers::flags::Setup;
use std::sync::Arc;

/// What a build is made of.
pub(super) struct Plan {
    pub(super) found: lookup::Found,
    pub(super) setup: Setup,
    /// The driver's objects.
    pub(super) roots: Vec<u32>,
    /// Those of the board's other devices.
    pub(super) beside: Vec<u32>,
}

impl Build<'_> {
    /// Finds the driver and the configuration that it wants.
    pub(super) fn plan(&mut self, board: &[Device]) -> Result<Plan, BuildError> {
        let (session, request) = (self.session, self.request);
        let (tree, index) = (&request.tree, &session.index);
        let found = lookup::driver(tree, index, &request.driver, board)?;
        if request.board_dtb.is_some() && lookup::symbols_of(&request.driver).next().is_none() {
            lookup::wants_node(index, &request.driver, &found, board)?;
        }
        let (mut roots, mut beside) = (
            found.objects.clone(),
            lookup::board_drivers(index, board, &found.modules),
        );
        if !request.is_module {
            roots.append(&mut beside);
        }
        self.inputs
            .extend(found.read.iter().map(|path| Arc::from(path.as_path())));
        let wishes = self.wishes(roots.iter().chain(&beside));
        self.inputs
            .extend(session.kconfig.files.iter().map(|path| Arc::from(path.as_path())));
        let setup = session.common.setup(tree, &session.kconfig, &wishes)?;
        for series in [
            format!("config/{}.config", tree.series),
            "config/debug.config".to_owned(),
        ] {
            self.ours(&series);
        }
        if let Some(symbol) = lookup::symbols_of(&request.driver).find(|symbol| !setup.config.is_on(symbol)) {
            let unmet = setup.config.unmet.iter().find(|unmet| unmet.symbol == symbol);
            return Err(BuildError::Config {
                symbol: symbol.to_owned(),
                depends: unmet.map_or_else(|| "something".to_owned(), |unmet| unmet.depends.clone()),
            });
        }
        for objects in [&mut roots, &mut beside] {
            objects.retain(|root| {
                let object = index.kbuild.objects.get(*root as usize);
                object.is_some_and(|object| object.is_enabled(&setup.config))
            });
        }
        let is_driver_in = !found.outside.is_empty() || roots.iter().any(|root| found.objects.contains(root));
        if !is_driver_in {
            let unmet = setup.config.unmet.first();
            let symbol = unmet.map_or_else(
                || wishes.last().cloned().unwrap_or_default(),
                |unmet| unmet.symbol.clone(),
            );
            let depends = unmet.map_or_else(|| "something".to_owned(), |unmet| unmet.depends.clone());
            return Err(BuildError::Config { symbol, depends });
        }
        Ok(Plan {
            found,
            setup,
            roots,
            beside,
        })
    }

    /// The configuration symbols that objects want on.
    fn wishes<'o>(&self, objects: impl Iterator<Item = &'o u32>) -> Vec<String> {
        let all = &self.session.index.kbuild.objects;
        let mut wishes: Vec<String> = self.request.wishes.clone();
        // Whoever names symbols decides; for a driver no folder's condition is met that the answers forbid.
        let decides = lookup::symbols_of(&self.request.driver).next().is_some();
        let may = |symbol: &&str| decides || !self.session.common.forbids(symbol);
        for object in objects.filter_map(|object| all.get(*object as usize)) {
            // A part of a module that has a condition of its own is the configuration's business, not the driver's.
            let of_module = all.iter().filter(|other| other.module == object.module);
            let most = of_module.map(|other| other.guards.len()).min().unwrap_or_default();
            let guards = object.guards.iter().take(most).filter_map(|guard| guard.symbol());
            wishes.extend(guards.filter(may).map(str::to_owned));
        }
        wishes.sort();
        wishes.dedup();
        wishes
    }
}
