// Things that happen later, in the order of their times; what has the same time keeps its order.
#pragma once

#include "protocol/types.hpp"

#include <map>
#include <optional>
#include <utility>

namespace mqttsn::dongle {

template <class T>
class Schedule {
public:
    void add(TimePoint when, T what) { items_.emplace(when, std::move(what)); }
    std::optional<TimePoint> next() const noexcept {
        return items_.empty() ? std::nullopt : std::optional(items_.begin()->first);
    }
    /// Takes the next one out if it is due.
    std::optional<T> take(TimePoint now) {
        if (items_.empty() || items_.begin()->first > now) return std::nullopt;
        auto node = items_.extract(items_.begin());
        return std::move(node.mapped());
    }
    void clear() noexcept { items_.clear(); }
    std::size_t size() const noexcept { return items_.size(); }

private:
    std::multimap<TimePoint, T> items_;
};

inline std::optional<TimePoint> earliest(std::optional<TimePoint> a, std::optional<TimePoint> b) noexcept {
    if (!a) return b;
    return b && *b < *a ? b : a;
}

}  // namespace mqttsn::dongle
