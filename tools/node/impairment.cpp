#include "tools/node/impairment.hpp"

#include "protocol/sn/forwarder.hpp"

#include <algorithm>

namespace mqttsn::node {

namespace {

double uniform(SmallRandom& random) {
    return std::uniform_real_distribution<double>(0, 1)(random);
}

}  // namespace

bool ImpairmentOptions::is_any() const noexcept {
    return loss > 0 || duplication > 0 || reorder > 0 || delay > Duration::zero() || jitter > Duration::zero() ||
           nat_rebind > Duration::zero() || !rules.empty();
}

ImpairmentCounters& ImpairmentCounters::operator+=(const ImpairmentCounters& other) noexcept {
    for (std::size_t i = 0; i < ways.size(); ++i) {
        ways[i].frames += other.ways[i].frames;
        ways[i].lost += other.ways[i].lost;
        ways[i].doubled += other.ways[i].doubled;
        ways[i].reordered += other.ways[i].reordered;
        ways[i].delayed += other.ways[i].delayed;
    }
    rebindings += other.rebindings;
    astray += other.astray;
    overflows += other.overflows;
    return *this;
}

std::optional<sn::MsgType> type_of_frame(Bytes frame) noexcept {
    if (sn::is_encapsulated(frame)) {
        const auto outer = sn::decode_encapsulated(frame);
        if (!outer) return sn::MsgType::encapsulated;
        frame = outer->inner;
    }
    const std::size_t at = !frame.empty() && frame[0] == std::byte{1} ? 3 : 1;
    if (frame.size() <= at) return std::nullopt;
    return static_cast<sn::MsgType>(frame[at]);
}

Impairment::Impairment(const ImpairmentOptions& options, std::uint64_t seed, TimePoint now)
    : random_{random_of(seed, 0, 0), random_of(seed, 0, 1)}, nat_rebind_(options.nat_rebind) {
    add(Effect::lose, options.loss);
    add(Effect::duplicate, options.duplication);
    add(Effect::reorder, options.reorder);
    const bool is_delayed = options.delay > Duration::zero() || options.jitter > Duration::zero();
    add(Effect::delay, is_delayed ? 1 : 0, options.delay, options.jitter);
    for (const ImpairmentRule& each : options.rules)
        rules_.push_back({each, {}});
    // Not all nodes at the same moment.
    if (nat_rebind_ > Duration::zero()) {
        SmallRandom random = random_of(seed, 1, 0);
        rebind_at_ = now + std::chrono::duration_cast<Duration>(nat_rebind_ * (0.5 + uniform(random) / 2));
    }
}

void Impairment::add(Effect effect, double probability, Duration delay, Duration jitter) {
    if (probability <= 0) return;
    ImpairmentRule rule;
    rule.effect = effect;
    rule.probability = probability;
    rule.delay = delay;
    rule.jitter = jitter;
    rules_.push_back({rule, {}});
}

Impairment::Fate Impairment::decide(Direction direction, Bytes frame) {
    const auto type = type_of_frame(frame);
    SmallRandom& random = random_of_way(direction);
    Fate fate;
    for (Rule& rule : rules_) {
        const ImpairmentRule& what = rule.what;
        if (what.direction && *what.direction != direction) continue;
        if (what.type && (!type || *what.type != *type)) continue;
        const std::uint32_t number = ++rule.seen[static_cast<std::size_t>(direction)];
        const bool is_hit = uniform(random) < what.probability && number >= what.first && number <= what.last;
        const double share = what.effect == Effect::delay ? 2 * uniform(random) - 1 : 0;
        if (!is_hit) continue;
        switch (what.effect) {
            case Effect::lose:
                fate.is_lost = true;
                break;
            case Effect::duplicate:
                fate.is_doubled = true;
                break;
            case Effect::reorder:
                fate.is_reordered = true;
                break;
            case Effect::delay:
                fate.delay += what.delay + std::chrono::duration_cast<Duration>(what.jitter * share);
                break;
        }
    }
    fate.delay = std::max(fate.delay, Duration::zero());
    return fate;
}

void Impairment::put(Direction direction, Bytes frame, TimePoint now) {
    const auto way = static_cast<std::size_t>(direction);
    ImpairmentCounters::Way& counts = counters_.ways[way];
    ++counts.frames;
    const Fate fate = decide(direction, frame);
    if (fate.is_lost) {
        ++counts.lost;
        return;
    }
    if (direction == Direction::down && rebind_at_ && *rebind_at_ <= now) {
        ++counters_.astray;
        return;
    }
    if (waiting_.size() + held_[way].size() >= most_waiting) {
        ++counters_.overflows;
        return;
    }
    const Buffer copy(frame.begin(), frame.end());
    if (fate.is_reordered) {
        ++counts.reordered;
        held_[way].push_back({copy, fate, now + patience});
        return;
    }
    schedule(direction, copy, fate, now);
    release(direction, now);
}

void Impairment::schedule(Direction direction, const Buffer& frame, const Fate& fate, TimePoint now) {
    const auto way = static_cast<std::size_t>(direction);
    ImpairmentCounters::Way& counts = counters_.ways[way];
    if (fate.delay > Duration::zero()) ++counts.delayed;
    if (fate.is_doubled) ++counts.doubled;
    last_at_[way] = std::max(last_at_[way], now + fate.delay);
    for (int copies = fate.is_doubled ? 2 : 1; copies > 0; --copies)
        waiting_.emplace(last_at_[way], Arrival{direction, frame});
}

void Impairment::release(Direction direction, TimePoint now) {
    auto& held = held_[static_cast<std::size_t>(direction)];
    for (const Held& each : held)
        schedule(direction, each.frame, each.fate, now);
    held.clear();
}

std::optional<Impairment::Arrival> Impairment::take(TimePoint now) {
    for (const Direction direction : {Direction::up, Direction::down}) {
        const auto& held = held_[static_cast<std::size_t>(direction)];
        if (!held.empty() && held.front().until <= now) release(direction, now);
    }
    if (waiting_.empty() || waiting_.begin()->first > now) return std::nullopt;
    return std::move(waiting_.extract(waiting_.begin()).mapped());
}

std::optional<TimePoint> Impairment::next_timeout() const noexcept {
    std::optional<TimePoint> earliest;
    const auto consider = [&](TimePoint when) { earliest = earliest ? std::min(*earliest, when) : when; };
    if (!waiting_.empty()) consider(waiting_.begin()->first);
    for (const auto& held : held_) {
        if (!held.empty()) consider(held.front().until);
    }
    return earliest;
}

bool Impairment::rebinds(TimePoint now) {
    if (!rebind_at_ || *rebind_at_ > now) return false;
    rebind_at_ = now + nat_rebind_;
    ++counters_.rebindings;
    return true;
}

}  // namespace mqttsn::node
