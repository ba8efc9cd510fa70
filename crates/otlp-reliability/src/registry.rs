//! To be filled by its owner.

use std::sync::Weak;

use crate::Control;

/// Called by every policy when it is made: where a registry is running, it will show the policy's figures.
pub(crate) fn announce(_control: Weak<dyn Control>) {}
