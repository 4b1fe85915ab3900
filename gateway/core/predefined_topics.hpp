// The predefined topic ids (SN 6.7): gateway-wide, or for the clients that a pattern names.
#pragma once

#include "gateway/core/config.hpp"

#include <unordered_map>

namespace mqttsn::gateway {

/// Whether `text` fits a pattern in which `*` stands for any octets and `?` for one.
bool fits_pattern(std::string_view pattern, std::string_view text) noexcept;

class PredefinedTopics {
public:
    explicit PredefinedTopics(const std::vector<PredefinedTopic>& topics);

    /// The name behind `id` for this client: its own entry (exact id before pattern) wins over the gateway-wide one
    /// (SN12-6.7-e). An empty client id sees gateway-wide entries only. Empty when unknown; valid as long as the table.
    std::string_view find(std::string_view client_id, sn::TopicId id) const noexcept;

    /// Whether any entry uses this id, so that normal ids can avoid it (SN12-6.7-b).
    bool contains(sn::TopicId id) const noexcept { return by_id_.contains(id); }

private:
    std::unordered_multimap<sn::TopicId, PredefinedTopic> by_id_;
};

}  // namespace mqttsn::gateway
