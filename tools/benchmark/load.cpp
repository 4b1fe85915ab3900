#include "tools/benchmark/load.hpp"

#include "tools/benchmark/process_meter.hpp"

#include <algorithm>
#include <cassert>
#include <random>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::int64_t scan_every = 20'000'000;  // ns
/// After the last arrival: a copy of it may follow, and the gateway may still have work to do for it.
constexpr std::int64_t linger = 50'000'000;

}  // namespace

Load::Load(Network& network, const Names& names, const Options& options, const std::vector<sn::TopicId>& topic_ids,
           std::uint64_t messages, double rate, std::uint32_t trial)
    : network_(network),
      names_(names),
      options_(options),
      topic_ids_(topic_ids),
      messages_(messages),
      rate_(rate),
      trial_(trial),
      qos_(static_cast<Qos>(options.qos)),
      needs_acknowledgement_(qos_ != Qos::at_most_once && options.scenario != Scenario::down),
      needs_arrival_(rate == 0 && (qos_ == Qos::at_most_once || options.scenario != Scenario::up)),
      arrivals_(network.fleet().size(), messages),
      clients_(network.fleet().size()),
      slots_(clients_.size() * options.window),
      unreleased_(clients_.size()),
      payload_(options.size) {
    std::minstd_rand random(options.seed + 1);
    for (std::byte& each : payload_)
        each = static_cast<std::byte>(random() >> 8U);
    if (options.scenario == Scenario::down) {
        for (std::uint32_t client = 0; client < clients_.size(); ++client)
            topics_.push_back(names_.topic(client));
    }
    if (is_open_loop()) return;
    for (std::uint32_t round = 0; round < options.window; ++round) {
        for (std::uint32_t client = 0; client < clients_.size(); ++client)
            ready_.push_back(client);
    }
}

std::int64_t Load::intended(std::uint64_t message) const noexcept {
    return begin_ + static_cast<std::int64_t>(static_cast<double>(message) * 1e9 / rate_);
}

TrialResult Load::run() {
    const std::int64_t cpu_before = own_cpu_ns();
    const std::int64_t user_cpu_before = own_user_cpu_ns();
    begin_ = last_progress_ = now_ns();
    std::int64_t next_scan = begin_ + scan_every;
    while (result_.failure.empty() && (result_.failure = network_.failure()).empty()) {
        const std::int64_t now = now_ns();
        start_due(now);
        if (now >= next_scan) {
            care_for_late(now);
            next_scan = now + scan_every;
            if (is_done(now)) break;
            if (is_stalled(now)) result_.failure = "nothing arrives any more";
        }
        const bool has_more = is_open_loop() && due_ < messages_;
        network_.turn(*this, has_more ? std::min(next_scan, intended(due_)) : next_scan);
    }
    result_.rate_asked = rate_;
    result_.arrived = arrivals_.arrived();
    result_.duplicated = arrivals_.duplicates();
    result_.out_of_order = arrivals_.out_of_order();
    result_.foreign += arrivals_.unknown();
    result_.elapsed_ns = last_progress_ - begin_;
    result_.own_cpu_ns = own_cpu_ns() - cpu_before;
    result_.own_user_cpu_ns = own_user_cpu_ns() - user_cpu_before;
    return std::move(result_);
}

bool Load::is_done(std::int64_t now) const noexcept {
    if (result_.sent < messages_ || in_flight_ > 0) return false;
    const bool complete = arrivals_.arrived() == result_.sent;
    return now - last_progress_ >= (complete ? linger : std::max(linger, options_.lost_after_ns()));
}

bool Load::is_stalled(std::int64_t now) const noexcept {
    const std::int64_t all_tries = options_.retry_ns() * (std::int64_t{options_.retries} + 1);
    return in_flight_ > 0 && now - last_progress_ > 3 * std::max(options_.lost_after_ns(), all_tries);
}

void Load::start_due(std::int64_t now) {
    if (is_open_loop()) {
        for (; due_ < messages_ && intended(due_) <= now && !network_.broker().is_congested(); ++due_) {
            const auto client = static_cast<std::uint32_t>(due_ % clients_.size());
            // A client whose window is full, or that is behind, sends this one when an earlier one is done.
            if (clients_[client].next_sequence == due_ / clients_.size() && !start(client, intended(due_), now) &&
                options_.scenario == Scenario::down)
                return;  // no packet id is free
        }
        return;
    }
    while (!ready_.empty() && in_flight_ < options_.messages_in_flight()) {
        const std::uint32_t client = ready_.front();
        if (clients_[client].next_sequence < arrivals_.quota(client) && !start(client, now, now)) return;
        ready_.pop_front();
    }
}

std::span<Load::Slot> Load::slots_of(std::uint32_t client) noexcept {
    return std::span(slots_).subspan(std::size_t{client} * options_.window, options_.window);
}

Load::Slot* Load::find(std::uint32_t client, Awaits awaits, sn::MsgId msg_id) noexcept {
    for (Slot& each : slots_of(client)) {
        if (each.awaits == awaits && each.msg_id == msg_id) return &each;
    }
    return nullptr;
}

/// The next message of this client, if there is room for it.
bool Load::start(std::uint32_t client, std::int64_t intended_at, std::int64_t now) {
    const bool takes_slot = needs_acknowledgement_ || needs_arrival_;
    Slot unbound;
    Slot* slot = &unbound;
    if (takes_slot) {
        const auto slots = slots_of(client);
        const auto free = std::ranges::find_if(slots, [](const Slot& each) { return !each.is_taken(); });
        if (free == slots.end()) return false;
        slot = &*free;
    }
    Client& sender = clients_[client];
    Slot next{intended_at, now, sender.next_sequence, 0, 1, Awaits::nothing, needs_arrival_};
    if (needs_acknowledgement_) {
        if (++sender.last_msg_id == 0) ++sender.last_msg_id;  // 0 is reserved for QoS 0 (SN 5.3.11)
        next.msg_id = sender.last_msg_id;
        next.awaits = qos_ == Qos::at_least_once ? Awaits::puback : Awaits::pubrec;
    }
    if (options_.scenario == Scenario::down) {
        Stamp{trial_, client, next.sequence, intended_at}.write(payload_);
        if (!network_.broker().publish(topics_[client], payload_, qos_)) return false;
    } else {
        send(client, next, false);
    }
    *slot = next;
    if (takes_slot) ++in_flight_;
    ++sender.next_sequence;
    ++result_.sent;
    return true;
}

void Load::send(std::uint32_t client, const Slot& slot, bool again) {
    if (slot.awaits == Awaits::pubcomp) return network_.fleet().send(client, sn::Pubrel{slot.msg_id});
    Stamp{trial_, client, slot.sequence, slot.intended_at}.write(payload_);
    network_.fleet().send(
        client, sn::Publish{again, qos_, false, sn::TopicIdType::normal, topic_ids_[client], slot.msg_id, payload_});
}

void Load::on_frame(std::uint32_t client, const sn::Packet& packet, std::int64_t now) {
    if (const auto* publish = std::get_if<sn::Publish>(&packet)) {
        on_publish(client, *publish, now);
    } else if (const auto* puback = std::get_if<sn::Puback>(&packet)) {
        // Also the answer to a QoS 0 or 2 message that was refused (SN 6.6).
        const auto awaits = qos_ == Qos::exactly_once ? Awaits::pubrec : Awaits::puback;
        on_acknowledged(client, find(client, awaits, puback->msg_id), puback->code, now);
    } else if (const auto* pubrec = std::get_if<sn::Pubrec>(&packet)) {
        Slot* slot = find(client, Awaits::pubrec, pubrec->msg_id);
        if (slot == nullptr) slot = find(client, Awaits::pubcomp, pubrec->msg_id);  // our PUBREL was lost
        if (slot == nullptr) return;
        slot->awaits = Awaits::pubcomp;
        slot->sent_at = now;
        slot->tries = 1;
        send(client, *slot, false);
    } else if (const auto* pubcomp = std::get_if<sn::Pubcomp>(&packet)) {
        on_acknowledged(client, find(client, Awaits::pubcomp, pubcomp->msg_id), sn::ReturnCode::accepted, now);
    } else if (const auto* pubrel = std::get_if<sn::Pubrel>(&packet)) {
        on_pubrel(client, pubrel->msg_id, now);
    } else if (const auto* registration = std::get_if<sn::Register>(&packet)) {
        network_.fleet().send(client,
                              sn::Regack{registration->topic_id, registration->msg_id, sn::ReturnCode::accepted});
    } else if (std::holds_alternative<sn::Disconnect>(packet)) {
        result_.failure = "the gateway disconnected a client";
    }
}

void Load::on_acknowledged(std::uint32_t client, Slot* slot, sn::ReturnCode code, std::int64_t now) {
    if (code != sn::ReturnCode::accepted) ++result_.refused;
    // After "congestion" the message goes again when its retry time is over.
    if (slot == nullptr || code == sn::ReturnCode::congestion) return;
    if (code == sn::ReturnCode::accepted) {
        result_.acknowledgement.record(now - slot->intended_at);
    } else {
        ++result_.unacknowledged;
        slot->awaits_arrival = false;
    }
    last_progress_ = now;
    slot->awaits = Awaits::nothing;
    if (!slot->is_taken()) release(client, *slot, now);
}

void Load::on_publish(std::uint32_t client, const sn::Publish& packet, std::int64_t now) {
    auto& unreleased = unreleased_[client];
    const auto stamp = Stamp::read(packet.data);
    if (packet.qos == Qos::at_least_once)
        network_.fleet().send(client, sn::Puback{packet.topic_id, packet.msg_id, sn::ReturnCode::accepted});
    if (packet.qos == Qos::exactly_once) {
        network_.fleet().send(client, sn::Pubrec{packet.msg_id});
        const bool is_repeated = std::ranges::find(unreleased, packet.msg_id, &Unreleased::msg_id) != unreleased.end();
        if (is_repeated) return;
        unreleased.push_back({packet.msg_id, stamp});
    }
    if (!stamp || stamp->trial != trial_ || stamp->client != client) {
        ++result_.foreign;
        return;
    }
    count(*stamp, now);
    if (packet.qos != Qos::exactly_once) arrived(*stamp, now);
}

void Load::on_pubrel(std::uint32_t client, sn::MsgId msg_id, std::int64_t now) {
    network_.fleet().send(client, sn::Pubcomp{msg_id});
    auto& unreleased = unreleased_[client];
    const auto found = std::ranges::find(unreleased, msg_id, &Unreleased::msg_id);
    if (found == unreleased.end()) return;
    const auto stamp = found->stamp;
    unreleased.erase(found);
    if (stamp && stamp->trial == trial_ && stamp->client == client) arrived(*stamp, now);
}

void Load::on_message(const mqtt::Publish& message, std::int64_t now) {
    const auto stamp = Stamp::read(message.payload);
    if (!stamp || stamp->trial != trial_ || options_.scenario != Scenario::up) {
        ++result_.foreign;
        return;
    }
    count(*stamp, now);
    arrived(*stamp, now);
}

void Load::count(const Stamp& stamp, std::int64_t now) {
    const auto kind = arrivals_.arrive(stamp.client, stamp.sequence);
    if (kind == Arrivals::Kind::unknown || kind == Arrivals::Kind::duplicate) return;
    result_.delay.record(now - stamp.intended_at);
    last_progress_ = now;
}

/// Nothing more is to come for this message: its place in the window is free once it is acknowledged, too.
void Load::arrived(const Stamp& stamp, std::int64_t now) {
    if (!needs_arrival_ || stamp.client >= clients_.size()) return;
    for (Slot& each : slots_of(stamp.client)) {
        if (!each.awaits_arrival || each.sequence != stamp.sequence) continue;
        last_progress_ = now;
        each.awaits_arrival = false;
        if (!each.is_taken()) release(stamp.client, each, now);
        return;
    }
}

void Load::release(std::uint32_t client, Slot& slot, std::int64_t now) {
    assert(!slot.is_taken());
    slot = {};
    --in_flight_;
    if (!is_open_loop()) return ready_.push_back(client);
    const std::uint64_t message = std::uint64_t{clients_[client].next_sequence} * clients_.size() + client;
    if (message < due_) start(client, intended(message), now);
}

void Load::care_for_late(std::int64_t now) {
    for (std::uint32_t client = 0; client < clients_.size() && in_flight_ > 0; ++client) {
        for (Slot& slot : slots_of(client)) {
            if (!slot.is_taken()) continue;
            if (slot.awaits != Awaits::nothing) {
                if (now - slot.sent_at < options_.retry_ns()) continue;
                if (slot.tries <= options_.retries) {
                    ++slot.tries;
                    ++result_.repeated;
                    slot.sent_at = now;
                    send(client, slot, true);
                    continue;
                }
                ++result_.unacknowledged;
            } else if (now - slot.sent_at < options_.lost_after_ns()) {
                continue;
            }
            slot.awaits = Awaits::nothing;
            slot.awaits_arrival = false;
            release(client, slot, now);
        }
    }
}

}  // namespace mqttsn::tools::benchmark
