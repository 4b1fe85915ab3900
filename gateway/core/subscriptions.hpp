// What one client has subscribed to, as far as this gateway knows, and the names it refused (SN 6.9, 6.10).
#pragma once

#include "protocol/sn/v12_packet.hpp"

#include <optional>
#include <string>
#include <vector>

namespace mqttsn::gateway {

struct Subscription {
    std::string filter;
    Qos granted = Qos::at_most_once;
    std::optional<sn::TopicId> predefined;  ///< subscribed to through this id (SN12-6.7-f)
};

class Subscriptions {
public:
    /// Adds or replaces, and lifts the suppression of names that the filter matches (SN12-6.10-f).
    void add(Subscription subscription);
    /// A wildcard takes the suppression of the names it matches with it (SN12-6.9-k).
    void remove(std::string_view filter);
    void clear() noexcept;

    const std::vector<Subscription>& all() const noexcept { return list_; }
    bool contains(std::string_view filter) const noexcept;
    bool covers(std::string_view name) const noexcept;
    /// The predefined id through which this name is subscribed.
    std::optional<sn::TopicId> predefined_id(std::string_view name) const noexcept;
    /// The client answered that it does not know this predefined id (SN12-6.10-j).
    void forget_predefined(sn::TopicId id) noexcept;

    /// The client rejected the REGISTER of this name: nothing more on it until a matching SUBSCRIBE.
    /// The oldest of more than `limit` names is forgotten: it would be announced again.
    void suppress(std::string_view name, std::size_t limit);
    bool is_suppressed(std::string_view name) const noexcept;
    const std::vector<std::string>& suppressed() const noexcept { return suppressed_; }

    /// Grows with every change.
    std::uint64_t revision() const noexcept { return revision_; }

private:
    std::vector<Subscription> list_;
    std::vector<std::string> suppressed_;
    std::uint64_t revision_ = 0;
};

}  // namespace mqttsn::gateway
