#include "gateway/core/topic_registry.hpp"

namespace mqttsn::gateway {

std::optional<sn::TopicId> TopicRegistry::assign(std::string_view name, Origin origin, std::size_t limit,
                                                 const std::function<bool(sn::TopicId)>& is_predefined) {
    if (const auto known = find(name)) {
        Entry& entry = by_id_.at(*known);
        if (origin == Origin::client && entry.origin != origin) {
            entry.origin = origin;
            ++revision_;
        }
        return known;
    }
    if (by_id_.size() >= limit && (origin == Origin::client || !recycle())) return std::nullopt;
    const auto id = free_id(is_predefined);
    if (!id) return std::nullopt;
    auto& entry = by_id_[*id];
    entry.name = name;
    entry.origin = origin;
    entry.used = ++clock_;
    by_name_.emplace(entry.name, *id);
    ++revision_;
    return id;
}

// Numbers run upwards through the whole range before one comes back (SN12-6.5-e).
std::optional<sn::TopicId> TopicRegistry::free_id(const std::function<bool(sn::TopicId)>& is_predefined) {
    for (unsigned tries = 0; tries < 0x10000U; ++tries) {
        ++last_;
        if (!sn::is_reserved(last_) && !by_id_.contains(last_) && !is_predefined(last_)) return last_;
    }
    return std::nullopt;
}

bool TopicRegistry::recycle() {
    auto oldest = by_id_.end();
    for (auto it = by_id_.begin(); it != by_id_.end(); ++it) {
        if (it->second.origin != Origin::gateway) continue;
        if (oldest == by_id_.end() || it->second.used < oldest->second.used) oldest = it;
    }
    if (oldest == by_id_.end()) return false;
    by_name_.erase(oldest->second.name);
    by_id_.erase(oldest);
    return true;
}

const TopicRegistry::Entry* TopicRegistry::find(sn::TopicId id) noexcept {
    const auto it = by_id_.find(id);
    if (it == by_id_.end()) return nullptr;
    it->second.used = ++clock_;
    return &it->second;
}

std::optional<sn::TopicId> TopicRegistry::find(std::string_view name) noexcept {
    const auto it = by_name_.find(name);
    if (it == by_name_.end()) return std::nullopt;
    by_id_.at(it->second).used = ++clock_;
    return it->second;
}

bool TopicRegistry::is_confirmed(sn::TopicId id) const noexcept {
    const auto it = by_id_.find(id);
    return it != by_id_.end() && it->second.confirmed;
}

void TopicRegistry::set_confirmed(sn::TopicId id, bool confirmed) noexcept {
    const auto it = by_id_.find(id);
    if (it == by_id_.end() || it->second.confirmed == confirmed) return;
    it->second.confirmed = confirmed;
    ++revision_;
}

void TopicRegistry::unconfirm_all() noexcept {
    for (auto& [id, entry] : by_id_)
        entry.confirmed = false;
    ++revision_;
}

void TopicRegistry::restore(sn::TopicId id, Entry entry) {
    if (by_id_.contains(id) || by_name_.contains(entry.name)) return;
    Entry& placed = by_id_[id] = std::move(entry);
    placed.used = ++clock_;
    by_name_.emplace(placed.name, id);
    ++revision_;
}

void TopicRegistry::clear() noexcept {
    by_name_.clear();
    by_id_.clear();
    ++revision_;
}

}  // namespace mqttsn::gateway
