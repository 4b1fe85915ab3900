// Topic names and filters (MQTT 4.7): validity and matching. Pure.
#pragma once

#include <string_view>

namespace mqttsn {

/// Well-formed UTF-8 without surrogates or overlong forms. The empty text is valid.
bool is_valid_utf8(std::string_view text) noexcept;

/// Number of code points in valid UTF-8.
std::size_t count_code_points(std::string_view text) noexcept;

/// What a broker may send as text (MQTT 1.5.4): valid UTF-8 without U+0000.
bool is_mqtt_text(std::string_view text) noexcept;

/// A client id, topic or filter may be sent to a broker only if it is valid UTF-8 of at most 65535 octets, without
/// control characters and noncharacters: a broker may close the connection on those (MQTT 1.5.4), mosquitto does.
bool is_usable_text(std::string_view text) noexcept;

/// A name one may publish to: usable text, not empty, no `+` and no `#`.
bool is_usable_topic_name(std::string_view name) noexcept;

/// A filter one may subscribe to: usable text, not empty, `+` alone in its level, `#` alone in the last level;
/// `$share/<group>/<filter>` needs a group without wildcards and a usable filter behind it.
bool is_usable_topic_filter(std::string_view filter) noexcept;

/// The filter behind `$share/<group>/`, or the whole filter.
std::string_view without_share(std::string_view filter) noexcept;

bool has_wildcard(std::string_view filter) noexcept;

/// Whether a (usable) filter matches a (usable) name. Names starting with `$` are not matched by a leading
/// wildcard. A shared-subscription prefix of the filter is skipped.
bool matches(std::string_view filter, std::string_view name) noexcept;

}  // namespace mqttsn
