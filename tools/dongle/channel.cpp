#include "tools/dongle/channel.hpp"

#include <algorithm>
#include <cmath>

namespace mqttsn::dongle {

namespace {

constexpr double lora_slow_symbol_s = 0.016;  // from here on the low data rate optimization is mandatory
constexpr double node_spread_db = 6;          // nodes stand near and far
constexpr double fading_db = 1.5;

}  // namespace

Duration lora_air_time(unsigned spreading_factor, std::uint32_t bandwidth_hz, unsigned coding_rate, unsigned preamble,
                       std::size_t octets) {
    const double symbol_s = std::exp2(spreading_factor) / bandwidth_hz;
    const double slow = symbol_s > lora_slow_symbol_s ? 1 : 0;
    const double bits = 8.0 * static_cast<double>(octets) - 4.0 * spreading_factor + 28 + 16;
    const double symbols = 8 + std::max(0.0, std::ceil(bits / (4 * (spreading_factor - 2 * slow))) * (coding_rate + 4));
    return std::chrono::round<Duration>(std::chrono::duration<double>((preamble + 4.25 + symbols) * symbol_s));
}

Channel::Channel(const AirOptions& options, bool waits)
    : options_(options),
      waits_(options.collisions ? !*options.collisions : waits),
      random_(node::random_of(options.seed, 0xA1, 0)) {}

Channel::Signal Channel::signal_of(Station station) {
    // Where a node stands does not change.
    auto place = node::random_of(options_.seed, 0xA2, station);
    const double distance = std::normal_distribution<double>(0, node_spread_db)(place);
    const double level = distance + std::normal_distribution<double>(0, fading_db)(random_);
    return {static_cast<std::int16_t>(std::clamp(std::lround(options_.rssi_dbm + level), -140L, -1L)),
            static_cast<std::int8_t>(std::clamp(std::lround(options_.snr_db + level / 2), -20L, 30L))};
}

TimePoint Channel::transmit(Station from, std::uint32_t tag, Buffer octets, Duration air_time, unsigned most,
                            TimePoint now, bool listens) {
    Transmission sent{from, tag, std::move(octets), now, {}, 1, true, false, signal_of(from)};
    TimePoint& own = busy_until_[from];
    sent.begin = std::max(sent.begin, own);
    const bool waits = waits_ || (listens && !options_.collisions.value_or(false));
    if (waits) sent.begin = std::max(sent.begin, free_at_);
    std::uniform_real_distribution<double> chance(0, 1);
    while ((sent.heard = chance(random_) >= options_.loss), !sent.heard && sent.sendings < most)
        ++sent.sendings;
    sent.end = sent.begin + air_time * sent.sendings;
    for (auto& [end, other] : on_air_) {
        if (other.begin >= sent.end || other.end <= sent.begin) continue;
        collisions_ += sent.collided ? 0U : 1U;
        sent.collided = other.collided = true;
        sent.heard = other.heard = false;
    }
    own = sent.end;
    free_at_ = std::max(free_at_, sent.end);
    const TimePoint end = sent.end;
    on_air_.emplace(end, std::move(sent));
    return end;
}

std::optional<Channel::Transmission> Channel::take(TimePoint now) {
    if (on_air_.empty() || on_air_.begin()->first > now) return std::nullopt;
    auto ended = on_air_.extract(on_air_.begin());
    return std::move(ended.mapped());
}

std::optional<TimePoint> Channel::next_timeout() const noexcept {
    return on_air_.empty() ? std::nullopt : std::optional(on_air_.begin()->first);
}

bool Channel::is_sending(Station station, TimePoint now) const noexcept {
    const auto found = busy_until_.find(station);
    return found != busy_until_.end() && found->second > now;
}

bool Channel::is_busy(TimePoint now) const noexcept {
    return std::ranges::any_of(on_air_,
                               [&](const auto& each) { return each.second.begin <= now && now < each.second.end; });
}

void Channel::clear() noexcept {
    on_air_.clear();
    busy_until_.clear();
    free_at_ = {};
}

void Channel::silence(Station station) noexcept {
    std::erase_if(on_air_, [station](const auto& each) { return each.second.from == station; });
    busy_until_.erase(station);
}

}  // namespace mqttsn::dongle
