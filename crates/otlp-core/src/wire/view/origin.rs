//! Where telemetry came from: the messages `Resource` and `InstrumentationScope`.

use super::{AttributesView, Messages, View};
use crate::wire::decode::{Content, DecodeError};

/// What produced the telemetry.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ResourceView<'a> {
    /// `service.name` and its like.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

impl Default for ResourceView<'_> {
    fn default() -> Self {
        ResourceView { attributes: Messages::none(1), dropped_attributes_count: 0 }
    }
}

impl<'a> View<'a> for ResourceView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut resource = ResourceView::default();
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => resource.attributes.include(&content, &field)?,
                2 => resource.dropped_attributes_count = field.uint32()?,
                _ => {}
            }
        }
        Ok(resource)
    }
}

/// The part of a program that produced the telemetry.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ScopeView<'a> {
    /// The name of the library or component.
    pub name: &'a str,
    /// Its version, or empty.
    pub version: &'a str,
    /// Further attributes.
    pub attributes: AttributesView<'a>,
    /// How many attributes a limit removed.
    pub dropped_attributes_count: u32,
}

impl Default for ScopeView<'_> {
    fn default() -> Self {
        ScopeView { name: "", version: "", attributes: Messages::none(3), dropped_attributes_count: 0 }
    }
}

impl<'a> View<'a> for ScopeView<'a> {
    fn read(content: Content<'a>) -> Result<Self, DecodeError> {
        let mut scope = ScopeView::default();
        let mut reader = content.reader();
        while let Some(field) = reader.next_field()? {
            match field.number() {
                1 => scope.name = field.string()?,
                2 => scope.version = field.string()?,
                3 => scope.attributes.include(&content, &field)?,
                4 => scope.dropped_attributes_count = field.uint32()?,
                _ => {}
            }
        }
        Ok(scope)
    }
}
