// The normal topic ids of one client (SN 6.5): one id per name, used in both directions.
#pragma once

#include "protocol/sn/v12_packet.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

namespace mqttsn::gateway {

class TopicRegistry {
public:
    /// Who made the id known: an id that the client never asked for may be recycled when ids run out (SN12-6.5-e).
    enum class Origin : std::uint8_t { client, gateway };

    struct Entry {
        std::string name;
        Origin origin = Origin::client;
        bool confirmed = false;  ///< the client acknowledged the pair in this connection (SN12-6.10-a)
        std::uint64_t used = 0;
    };

    /// The id of `name`: the one it has, or a new one. nullopt when `limit` names are registered and none may be
    /// recycled, which only Origin::gateway does. `is_predefined` keeps the new id away from predefined ones
    /// (SN12-6.7-b).
    std::optional<sn::TopicId> assign(std::string_view name, Origin origin, std::size_t limit,
                                      const std::function<bool(sn::TopicId)>& is_predefined);

    /// nullptr when unknown. Finding marks the entry as recently used.
    const Entry* find(sn::TopicId id) noexcept;
    std::optional<sn::TopicId> find(std::string_view name) noexcept;

    bool is_confirmed(sn::TopicId id) const noexcept;
    void confirm(sn::TopicId id) noexcept { set_confirmed(id, true); }
    void unconfirm(sn::TopicId id) noexcept { set_confirmed(id, false); }
    /// After a CleanSession=0 CONNECT: the numbers stay, the client must hear them again (SN12-6.3-b).
    void unconfirm_all() noexcept;
    /// Ids go on behind the last one: a late REGISTER of the session before must not give another name to one of this.
    void clear() noexcept;

    std::size_t size() const noexcept { return by_id_.size(); }

    /// Grows with every change of a pair or its confirmation.
    std::uint64_t revision() const noexcept { return revision_; }
    sn::TopicId last_assigned() const noexcept { return last_; }
    /// Calls f(id, entry) for each.
    template <class F>
    void for_each(F&& f) const {
        for (const auto& [id, entry] : by_id_)
            f(id, entry);
    }
    /// A pair that the client knew before the gateway restarted. Ignored when the id or the name is taken.
    void restore(sn::TopicId id, Entry entry);
    void restore_last_assigned(sn::TopicId id) noexcept { last_ = id; }

private:
    std::optional<sn::TopicId> free_id(const std::function<bool(sn::TopicId)>& is_predefined);
    bool recycle();
    void set_confirmed(sn::TopicId id, bool confirmed) noexcept;

    std::unordered_map<sn::TopicId, Entry> by_id_;
    std::unordered_map<std::string_view, sn::TopicId> by_name_;  ///< views into by_id_
    std::uint64_t clock_ = 0;
    std::uint64_t revision_ = 0;
    sn::TopicId last_ = 0;
};

}  // namespace mqttsn::gateway
