//! Photos: decoded, turned upright, brought to sRGB, scaled and encoded within a destination's limits, without metadata.
