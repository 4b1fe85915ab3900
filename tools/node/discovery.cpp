#include "tools/node/discovery.hpp"

#include "protocol/sn/v12_codec.hpp"

#include <algorithm>

namespace mqttsn::node {

namespace {

constexpr std::size_t port_octets = 2;
constexpr std::size_t scope_octets = 4;
constexpr std::size_t v4_octets = 4;
constexpr std::size_t v6_octets = 16;
constexpr std::size_t largest_frame = 255;

bool is_address_size(std::size_t size) noexcept {
    return size == v4_octets || size == v4_octets + port_octets || size == v6_octets || size == v6_octets + port_octets;
}

bool is_v6(const Address& address) noexcept {
    return address.octets().size() == v6_octets + port_octets + scope_octets;
}

// Half a period, or a tenth of a long one (SN 7.2), as the gateway grants it to its clients (SN12-7.2-a).
Duration with_tolerance(Duration duration) noexcept {
    using std::chrono::seconds;
    if (duration <= seconds(60)) return duration * 3 / 2;
    return duration + std::max<Duration>(duration / 10, seconds(30));
}

}  // namespace

std::optional<Address> read_gw_add(Bytes gw_add, std::uint16_t default_port, const Address& teller) {
    const bool has_length = !gw_add.empty() && std::to_integer<std::size_t>(gw_add[0]) == gw_add.size() - 1 &&
                            is_address_size(gw_add.size() - 1);
    if (has_length) gw_add = gw_add.subspan(1);
    if (!is_address_size(gw_add.size())) return std::nullopt;
    Buffer octets(gw_add.begin(), gw_add.end());
    if (octets.size() == v4_octets || octets.size() == v6_octets) {
        octets.push_back(static_cast<std::byte>(default_port >> 8U));
        octets.push_back(static_cast<std::byte>(default_port & 0xFFU));
    }
    if (octets.size() == v6_octets + port_octets) {
        const Bytes from = teller.octets();
        octets.resize(octets.size() + scope_octets);
        if (is_v6(teller)) std::ranges::copy(from.last(scope_octets), octets.end() - scope_octets);
    }
    return Address(octets);
}

Buffer make_gw_add(const Address& address) {
    Bytes octets = address.octets();
    if (is_v6(address)) octets = octets.first(v6_octets + port_octets);
    Buffer gw_add;
    gw_add.reserve(octets.size() + 1);
    gw_add.push_back(static_cast<std::byte>(octets.size()));
    gw_add.insert(gw_add.end(), octets.begin(), octets.end());
    return gw_add;
}

Discovery::Discovery(const DiscoveryOptions& options) : options_(options), random_(options.seed) {}

TimePoint Discovery::within(Duration longest, TimePoint now) {
    return now + Duration(std::uniform_int_distribution<Duration::rep>(0, longest.count())(random_));
}

void Discovery::search(TimePoint now) {
    searching_ = true;
    is_first_ = true;
    gap_ = options_.first_gap;
    search_at_ = within(options_.search_delay, now);
}

// A SEARCHGW went out, our own or an identical one. The gaps double, with a random share on top, so that nodes that
// were switched on together do not stay in step.
void Discovery::searched(TimePoint now) {
    is_first_ = false;
    search_at_.reset();
    if (!gateways_.empty()) return;
    search_at_ = within(gap_ / 4, now + gap_);
    gap_ = std::min(gap_ * 2, options_.longest_gap);
}

void Discovery::receive(Bytes datagram, const Address& from, TimePoint now, DiscoveryOutbox& out) {
    const auto packet = sn::decode(datagram);
    if (!packet) return;
    if (const auto* advertise = std::get_if<sn::Advertise>(&*packet)) {
        const Duration period = std::chrono::seconds(advertise->duration_s);
        KnownGateway told{advertise->gw_id, from, KnownGateway::Source::advertise, advertise->duration_s, now, {}};
        // A period of 0 promises nothing that could be missed.
        if (period > Duration::zero()) told.gone_at = now + period * (options_.missed - 1) + with_tolerance(period);
        heard(told, now, out);
    } else if (const auto* info = std::get_if<sn::GwInfo>(&*packet)) {
        answer_.reset();
        const bool is_gateway = info->gw_add.empty();
        const auto address = is_gateway ? from : read_gw_add(info->gw_add, options_.default_port, from);
        if (!address) return;
        const auto source = is_gateway ? KnownGateway::Source::gwinfo : KnownGateway::Source::neighbour;
        heard({info->gw_id, *address, source, {}, now, {}}, now, out);
    } else if (const auto* search = std::get_if<sn::SearchGw>(&*packet)) {
        if (!gateways_.empty() && !answer_) answer_ = Answer{within(options_.info_delay, now), search->radius};
        if (search_at_ && is_first_ && search->radius == options_.radius) searched(now);
    }
}

void Discovery::heard(const KnownGateway& told, TimePoint now, DiscoveryOutbox& out) {
    const auto known = std::ranges::find_if(
        gateways_, [&](const KnownGateway& each) { return each.gw_id == told.gw_id && each.address == told.address; });
    if (known == gateways_.end()) {
        if (gateways_.size() == most_gateways) return;
        gateways_.push_back(told);
        out.events.push_back(GatewayFound{told});
        if (!is_first_) search_at_.reset();
        return;
    }
    known->heard_at = now;
    // What the gateway says itself counts more than what a neighbour remembers.
    if (told.source != KnownGateway::Source::neighbour) known->source = told.source;
    if (told.duration_s) {
        known->duration_s = told.duration_s;
        known->gone_at = told.gone_at;
    }
}

void Discovery::answer(DiscoveryOutbox& out) {
    const std::uint8_t radius = answer_->radius;
    answer_.reset();
    if (gateways_.empty()) return;
    const auto& latest = *std::ranges::max_element(gateways_, {}, &KnownGateway::heard_at);
    const Buffer gw_add = make_gw_add(latest.address);
    Broadcast info{radius, {}};
    if (sn::encode(sn::GwInfo{latest.gw_id, gw_add}, largest_frame, info.frame)) {
        out.broadcasts.push_back(std::move(info));
    }
}

void Discovery::timeout(TimePoint now, DiscoveryOutbox& out) {
    if (answer_ && answer_->at <= now) answer(out);
    if (search_at_ && *search_at_ <= now) {
        Broadcast search{options_.radius, {}};
        if (sn::encode(sn::SearchGw{options_.radius}, largest_frame, search.frame)) {
            out.broadcasts.push_back(std::move(search));
        }
        searched(now);
    }
    const bool had_gateways = !gateways_.empty();
    std::erase_if(gateways_, [&](const KnownGateway& each) {
        const bool is_gone = each.gone_at && *each.gone_at <= now;
        if (is_gone) out.events.push_back(GatewayGone{each});
        return is_gone;
    });
    if (had_gateways && gateways_.empty() && searching_) search(now);
}

std::optional<TimePoint> Discovery::next_timeout() const noexcept {
    std::optional<TimePoint> earliest = search_at_;
    const auto consider = [&](std::optional<TimePoint> when) {
        if (when && (!earliest || *when < *earliest)) earliest = when;
    };
    if (answer_) consider(answer_->at);
    for (const KnownGateway& each : gateways_)
        consider(each.gone_at);
    return earliest;
}

}  // namespace mqttsn::node
