// The one table of frames on serial lines: octets on the wire and the frame they carry. Framing tests, driver tests and
// the fuzz corpus read it.
#pragma once

#include "transports/framing/make_framing.hpp"

#include <vector>

namespace mqttsn::test {

struct LinkVector {
    std::string_view name;
    transports::FramingKind kind = transports::FramingKind::raw;
    transports::FramingOptions options;
    Buffer frame;
    Buffer wire;
};

/// Each as the framing must write it and must read it.
const std::vector<LinkVector>& link_vectors();
/// Aborts the test run for a name that is not in the table.
const LinkVector& link_vector(std::string_view name);

/// The messages inside: a CONNECT of "s1", and a PUBLISH with QoS 1 that holds every octet which some framing escapes.
Buffer sample_connect();
Buffer sample_publish();

/// One set of options for each framing that tests should go through: all kinds, and the variants of each.
struct FramingVariant {
    std::string_view name;
    transports::FramingKind kind = transports::FramingKind::raw;
    transports::FramingOptions options;
};
const std::vector<FramingVariant>& framing_variants();

}  // namespace mqttsn::test
