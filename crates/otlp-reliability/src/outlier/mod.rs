//! Outlier ejection.
