#include "gateway/core/device_status.hpp"

#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::gateway {

namespace {

// A wake-up is over before anybody could act on it, and the retained message would be wrong from then on.
ClientState told_state(ClientState state) noexcept {
    return state == ClientState::awake ? ClientState::asleep : state;
}

constexpr int hex_digit(char digit) noexcept {
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

}  // namespace

std::string topic_level(std::string_view client_id) {
    const bool is_text = is_valid_utf8(client_id);
    std::string level;
    for (const char each : client_id) {
        const auto octet = static_cast<unsigned char>(each);
        const bool is_plain = octet >= 0x20 && octet != 0x7F && (octet < 0x80 || is_text) &&
                              std::string_view("/+#%").find(each) == std::string_view::npos;
        level += is_plain ? std::string(1, each) : fmt::format("%{:02X}", octet);
    }
    return level;
}

std::string client_id_of(std::string_view level) {
    std::string client_id;
    for (std::size_t i = 0; i < level.size(); ++i) {
        const int high = level[i] == '%' && i + 2 < level.size() ? hex_digit(level[i + 1]) : -1;
        const int low = high >= 0 ? hex_digit(level[i + 2]) : -1;
        if (low >= 0) {
            client_id += static_cast<char>(high * 16 + low);
            i += 2;
        } else {
            client_id += level[i];
        }
    }
    return client_id;
}

DeviceStatus::DeviceStatus(const BridgeConfig& config) : config_(config) {}

std::string DeviceStatus::topic_of(std::string_view client_id) const {
    return config_.devices_prefix + topic_level(client_id);
}

void DeviceStatus::touched(Session& session, Turn& turn) {
    const ClientState state = told_state(session.state);
    if (state == session.noticed.state && session.moves == session.noticed.moves) return;
    // A handshake ends one way or the other, and that will be told.
    if (!is_on() || state == ClientState::connecting) return;
    if (want(session.client_id, false, turn)) session.noticed = {state, session.moves};
}

void DeviceStatus::ended(const Session& session, Turn& turn) {
    if (devices_.contains(session.client_id)) want(session.client_id, false, turn);
}

void DeviceStatus::begin(Turn& turn) {
    if (!is_on()) return;
    turn.core.sessions.for_each([&](Session& session) {
        const bool is_new = session.noticed.state == ClientState::connecting;
        if (is_new) {
            touched(session, turn);
        } else {
            want(session.client_id, false, turn);
        }
    });
}

void DeviceStatus::heard(std::string_view topic, Turn& turn) {
    if (!is_on() || !topic.starts_with(config_.devices_prefix)) return;
    const std::string client_id = client_id_of(topic.substr(config_.devices_prefix.size()));
    // Only what is spelled as this gateway does can be cleared by it.
    if (turn.core.sessions.find(client_id) == nullptr && topic_of(client_id) == topic) want(client_id, true, turn);
}

bool DeviceStatus::want(std::string_view client_id, bool told, Turn& turn) {
    auto found = devices_.find(std::string(client_id));
    if (found == devices_.end()) {
        if (devices_.size() >= turn.config().limits.clients) {
            ++turn.counters().device_status_dropped;
            return false;
        }
        found = devices_.emplace(client_id, Device{}).first;
    }
    Device& device = found->second;
    device.told |= told;
    device.wanted = true;
    if (!device.queued) ready_.push_back(&*found);
    device.queued = true;
    return true;
}

void DeviceStatus::wake(TimePoint now) {
    while (!resting_.empty() && resting_.front().until <= now) {
        auto& [client_id, device] = *resting_.front().device;
        if (device.wanted) {
            ready_.push_back(resting_.front().device);
        } else if (device.told) {
            device.queued = false;
        } else {
            devices_.erase(devices_.find(client_id));
        }
        resting_.pop_front();
    }
}

std::optional<DeviceStatus::Telling> DeviceStatus::next(Turn& turn) {
    wake(turn.now);
    while (!ready_.empty()) {
        if (free_from_ <= turn.now) begin_group(turn.now);
        if (left_in_group_ == 0) return std::nullopt;
        auto& [client_id, device] = *ready_.front();
        Session* session = turn.core.sessions.find(client_id);
        const bool is_connecting = session != nullptr && session->state == ClientState::connecting;
        const bool is_known = session != nullptr && !is_connecting;
        if (is_connecting) session->noticed = {};
        device.wanted = false;
        resting_.push_back({turn.now + config_.device_interval, ready_.front()});
        ready_.pop_front();
        if (is_connecting || (!is_known && !device.told)) continue;
        device.told = is_known;
        --left_in_group_;
        DeviceReport report;
        if (is_known) {
            report = report_of(turn.core, *session, turn.now);
            report.state = told_state(report.state);
        }
        return Telling{topic_of(client_id), is_known ? turn.core.naming.describe(report) : std::string()};
    }
    return std::nullopt;
}

// Ten times a second: a wake-up of the loop and a send for each device would cost more than the message.
void DeviceStatus::begin_group(TimePoint now) noexcept {
    left_in_group_ = std::max<std::uint32_t>(1, config_.devices_per_second / 10);
    free_from_ = now + Duration(std::chrono::seconds(1)) * left_in_group_ / config_.devices_per_second;
}

std::optional<TimePoint> DeviceStatus::next_time() const noexcept {
    if (ready_.empty() && resting_.empty()) return std::nullopt;
    if (ready_.empty()) return resting_.front().until;
    const TimePoint free = left_in_group_ > 0 ? TimePoint() : free_from_;
    return resting_.empty() ? free : std::min(free, resting_.front().until);
}

std::vector<std::string> DeviceStatus::told() const {
    std::vector<std::string> topics;
    for (const auto& [client_id, device] : devices_) {
        if (device.told) topics.push_back(topic_of(client_id));
    }
    return topics;
}

}  // namespace mqttsn::gateway
