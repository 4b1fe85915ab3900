// What gateway and devices say to each other: states, requests and replies, drains, wills.
#include "tests/simulation/oracle.hpp"

namespace mqttsn::simulation {

namespace {

template <class Packet>
constexpr bool has_msg_id = requires(const Packet& packet) {
    packet.msg_id;
};

sn::MsgId msg_id_of(const sn::Packet& packet) {
    return std::visit(
        [](const auto& each) -> sn::MsgId {
            if constexpr (has_msg_id<std::decay_t<decltype(each)>>) return each.msg_id;
            return 0;
        },
        packet);
}

}  // namespace

// ---- what the gateway hears ----

void Oracle::hears_answer(View& view, const sn::Packet& packet) {
    const sn::MsgId id = msg_id_of(packet);
    const bool is_ours = view.asked && view.asked_id == id;
    if (const auto* puback = std::get_if<sn::Puback>(&packet)) {
        if (is_ours) view.asked = false;
        const auto message = view.outbound.find(id);
        if (puback->code == sn::ReturnCode::accepted || message == view.outbound.end()) return;
        // It is sent again under another MsgId, or given up.
        Delivery& delivery = view.deliveries[message->second];
        ++delivery.forgiven;
        delivery.excused = delivery.excused || puback->code != sn::ReturnCode::congestion;
        return;
    }
    if (std::holds_alternative<sn::Pubrec>(packet)) {
        view.received.insert(view.received_now = id);  // PUBREL is the next part of the exchange
    } else if (is_ours) {
        view.asked = false;
    }
}

void Oracle::gateway_hears(int device, const std::string& route, const sn::Packet& packet, TimePoint sent) {
    View& view = views_[index(device)];
    hearing_ = &view;
    const sn::MsgId id = msg_id_of(packet);
    switch (sn::type_of(packet)) {
        case sn::MsgType::connect: {
            const auto& connect = std::get<sn::Connect>(packet);
            view.clean_wanted = connect.clean_session;
            // A copy that comes late takes the place of the connection, and is given up without its answers.
            view.died_connected = false;
            view.is_connecting = true;
            if (connect.clean_session) {
                view.clean_sent = time_.now();
                ++view.clean_copies;
            }
            owe(view, sn::MsgType::connack);
            if (connect.will)
                owe(view, sn::MsgType::willtopicreq, 0, static_cast<int>(plan_.gateway.timers.retries) + 1);
            view.keep_alive_s = connect.duration_s;
            return;
        }
        case sn::MsgType::willtopic:
            owe(view, sn::MsgType::connack);
            owe(view, sn::MsgType::willmsgreq, 0, static_cast<int>(plan_.gateway.timers.retries) + 1);
            return;
        case sn::MsgType::willmsg:
            owe(view, sn::MsgType::connack);
            view.will_given = as_text(std::get<sn::WillMsg>(packet).message);
            view.will_heard.clear();
            return;
        case sn::MsgType::publish:
            hears_publish(view, std::get<sn::Publish>(packet), sent);
            break;
        case sn::MsgType::register_:
            owe(view, sn::MsgType::regack, id);
            break;
        case sn::MsgType::pubrel:
            owe(view, sn::MsgType::pubcomp, id);
            break;
        case sn::MsgType::subscribe:
            owe(view, sn::MsgType::suback, id);
            break;
        case sn::MsgType::unsubscribe:
            owe(view, sn::MsgType::unsuback, id);
            break;
        case sn::MsgType::willtopicupd:
            owe(view, sn::MsgType::willtopicresp);
            break;
        case sn::MsgType::willmsgupd:
            owe(view, sn::MsgType::willmsgresp);
            view.will_heard = as_text(std::get<sn::WillMsgUpd>(packet).message);
            break;
        case sn::MsgType::pingreq:
            owe(view, sn::MsgType::pingresp);
            // With its id, also a client that is awake may ask from another address, and whether it is may be unknown.
            if (!std::get<sn::Pingreq>(packet).client_id.empty() && view.state != View::State::active &&
                view.state != View::State::away) {
                if (view.state == View::State::unknown && !view.route_before) view.route_before = view.route;
                view.route = route;
            }
            if (view.state == View::State::asleep) view.state = View::State::awake;
            break;
        case sn::MsgType::disconnect: {
            const auto duration = std::get<sn::Disconnect>(packet).duration_s.value_or(0);
            if (view.route == route) view.sleep_asked = duration != 0;
            if (view.sleep_asked) view.sleep_s = duration;
            // Too late once the client counts as lost: its will is decided, though it may still wait for the disk.
            if (duration == 0 && view.route == route && !view.is_lost) view.has_ended = true;
            break;
        }
        default:
            hears_answer(view, packet);
            break;
    }
    if (view.route == route) hear_from(view);
}

void Oracle::input_ends() {
    if (hearing_ == nullptr) return;
    hearing_->sleep_asked = false;
    hearing_->received_now = 0;
    hearing_ = nullptr;
}

// ---- what the gateway says ----

void Oracle::says_request(int device, View& view, sn::MsgType type, sn::MsgId id) {
    using State = View::State;
    const std::string_view what = sn::name_of(type);
    const bool is_release = type == sn::MsgType::pubrel;
    const bool is_next_part = is_release && view.asked_type == sn::MsgType::publish && view.asked_id == id;
    // A reply to a PUBREC that came late, or again.
    if (is_release && view.received_now == id && !(view.asked && is_next_part)) return;
    if (view.state == State::asleep) fail(fmt::format("{} to d{}, which sleeps", what, device));
    if (view.state == State::away) fail(fmt::format("{} to d{}, which is not connected", what, device));
    if (type == sn::MsgType::publish && id == 0) return;
    const bool is_same = view.asked_type == type && view.asked_id == id;
    const bool gave_up = view.sendings > plan_.gateway.timers.retries || view.may_begin_anew;
    if (view.asked && !is_same && !is_next_part && !gave_up && view.state != State::unknown) {
        fail(fmt::format("{} msg_id={} to d{}, which has not answered {} msg_id={}", what, id, device,
                         sn::name_of(view.asked_type), view.asked_id));
    }
    view.may_begin_anew = false;
    view.sendings = is_same ? view.sendings + 1 : 1;
    view.asked = true;
    view.asked_type = type;
    view.asked_id = id;
    view.last_sending = time_.now();
}

void Oracle::says_reply(int device, View& view, const std::string& route, const sn::Packet& packet) {
    using State = View::State;
    const sn::MsgId id = msg_id_of(packet);
    if (const auto* connack = std::get_if<sn::Connack>(&packet)) {
        view.is_connecting = false;
        if (connack->code != sn::ReturnCode::accepted) {
            if (view.state != State::away) view.state = State::unknown;
            return;
        }
        if (view.state == State::active && !view.has_ended && view.route == route && view.clean == view.clean_wanted) {
            // Perhaps a repetition.
            view.may_begin_anew = true;
            view.wills_by_gateway = 0;
            view.is_lost = false;
            for (const auto& [msg_id, message] : view.inbound)
                view.earlier.insert(msg_id);
            view.inbound = view.clean ? decltype(view.inbound){} : view.inbound;
            return;
        }
        if (view.clean_wanted) view.inbound.clear();
        view.is_lost = false;
        for (const auto& [msg_id, message] : view.inbound)
            view.earlier.insert(msg_id);
        view.asked = view.may_begin_anew = false;
        view.state = State::active;
        view.clean = view.clean_wanted;
        view.route = route;
        view.route_before.reset();
        hear_from(view);
        view.wills = view.wills_by_gateway = 0;
        view.has_ended = view.is_troubled = false;
    } else if (std::holds_alternative<sn::Pubcomp>(packet)) {
        view.inbound.erase(id);
    } else if (const auto* puback = std::get_if<sn::Puback>(&packet)) {
        if (puback->code != sn::ReturnCode::accepted) view.inbound.erase(id);
    } else if (std::holds_alternative<sn::Unsuback>(packet)) {
        if (view.asked_type == sn::MsgType::register_) view.may_begin_anew = true;
    } else if (std::holds_alternative<sn::Pingresp>(packet)) {
        if (view.state == State::asleep) fail(fmt::format("PINGRESP to d{}, which did not ask", device));
        view.route_before.reset();
        if (view.state != State::awake) return;
        if (view.asked)
            fail(fmt::format("PINGRESP to d{} before its answer to {}", device, sn::name_of(view.asked_type)));
        view.state = State::asleep;
    } else if (std::holds_alternative<sn::Disconnect>(packet)) {
        if (view.route != route) return;  // it moved, and is not known there
        if (view.state == State::unknown && view.route_before && *view.route_before != route) {
            view.route = *view.route_before;  // the gateway takes it for active at its old address
            return;
        }
        view.state = view.sleep_asked && view.state != State::away ? State::asleep : State::away;
        view.asked = false;
    }
}

void Oracle::gateway_says(int device, const std::string& route, const sn::Packet& packet) {
    View& view = views_[index(device)];
    const sn::MsgType type = sn::type_of(packet);
    switch (type) {
        case sn::MsgType::publish:
        case sn::MsgType::register_:
        case sn::MsgType::pubrel:
            return says_request(device, view, type, msg_id_of(packet));
        case sn::MsgType::pingreq:
            if (view.state == View::State::asleep) fail(fmt::format("PINGREQ to d{}, which sleeps", device));
            return;
        default:
            return says_reply(device, view, route, packet);
    }
}

void Oracle::pays(int device, sn::MsgType type, sn::MsgId id) {
    int& owed = views_[index(device)].owed[key(type, id)];
    if (owed == 0) fail(fmt::format("{} msg_id={} to d{}, which did not ask", sn::name_of(type), id, device));
    --owed;
}

void Oracle::frame_leaves(int device, const sn::Packet& packet, std::uint64_t emission) {
    const sn::MsgId id = msg_id_of(packet);
    const sn::MsgType type = sn::type_of(packet);
    View& view = views_[index(device)];
    switch (type) {
        case sn::MsgType::publish:
            return publish_leaves(device, std::get<sn::Publish>(packet));
        case sn::MsgType::pubrel:
            return require(view.received.contains(id), "PUBREL for what the device has not received");
        case sn::MsgType::puback:
            if (std::get<sn::Puback>(packet).code == sn::ReturnCode::accepted) check_told(device, id);
            return pays(device, type, id);
        case sn::MsgType::pubrec:
            check_told(device, id);
            return pays(device, type, id);
        case sn::MsgType::connack:
            if (view.clean_wanted) view.clean_since = emission;
            return pays(device, type);
        case sn::MsgType::register_:
        case sn::MsgType::pingreq:
        case sn::MsgType::disconnect:
            return;
        default:
            return pays(device, type, id);
    }
}

void Oracle::hear_from(View& view) {
    view.last_heard = time_.now();
    view.heard.push_back(view.last_heard);
    while (view.heard.size() > 1 && view.heard[1] + 1s <= std::min(view.last_heard, disk_.waiting_since()))
        view.heard.erase(view.heard.begin());
}

void Oracle::gateway_stopped(bool crashed, TimePoint forgotten_since) {
    crashes_ += crashed ? 1 : 0;
    dropped_last_seen_ = 0;
    for (View& view : views_) {
        view.asked = false;
        view.is_troubled = true;
        if (plan_.gateway.durable) {
            view.state = View::State::unknown;
            // What was heard since has not reached the disk; deadlines are written in seconds.
            while (crashed && view.heard.size() > 1 && view.last_heard + 1s > forgotten_since) {
                view.heard.pop_back();
                view.last_heard = view.heard.back();
            }
            continue;
        }
        view.state = View::State::away;
        view.inbound.clear();
        for (auto& [id, delivery] : view.deliveries)
            ++delivery.forgiven;
    }
}

// ---- wills ----

Duration Oracle::tolerance(std::uint16_t seconds) const {
    return seconds == 0 ? Duration::max() : Duration(std::chrono::seconds(seconds)) * 3 / 2;
}

bool Oracle::may_be_lost(const View& view) const {
    const TimePoint now = time_.now();
    const auto& timers = plan_.gateway.timers;
    const bool unanswered = view.asked && view.sendings > timers.retries && now >= view.last_sending + timers.retry;
    const Duration silence = now - view.last_heard;
    switch (view.state) {
        case View::State::active:
            return unanswered || silence >= tolerance(view.keep_alive_s);
        case View::State::asleep:
        case View::State::awake:
            return silence >= tolerance(view.sleep_s);
        default:
            return unanswered || silence >= std::min(tolerance(view.keep_alive_s), tolerance(view.sleep_s));
    }
}

void Oracle::gateway_loses(int device) {
    View& view = views_[index(device)];
    if (!may_be_lost(view)) fail(fmt::format("d{} counts as lost although it is there", device));
    view.is_lost = true;
}

void Oracle::broker_publishes_will(int device, Bytes message, Cause cause) {
    View& view = views_[index(device)];
    ++view.wills;
    ++view.wills_since_death;
    trace_.add(time_.now(), "will {} of d{} by {}", as_text(message), device,
               cause == Cause::gateway ? "the gateway" : "the environment");
    if (cause == Cause::environment) return;
    if (view.has_ended) fail(fmt::format("the will of d{} is published after DISCONNECT", device));
    if (!view.is_lost) fail(fmt::format("the will of d{} is published although it is there", device));
    if (++view.wills_by_gateway > 1) fail(fmt::format("the will of d{} is published twice", device));
    const bool is_confirmed = as_text(message) == as_text(will_message(device, view.will_confirmed));
    const bool is_wanted = as_text(message) == as_text(will_message(device, view.will_wanted));
    const bool is_heard = as_text(message) == view.will_given || as_text(message) == view.will_heard;
    if (!is_confirmed && !is_wanted && !is_heard) fail(fmt::format("the will of d{} is an earlier one", device));
}

void Oracle::broker_is_away(Duration) {
    for (View& view : views_)
        view.is_troubled = true;
}

void Oracle::broker_connects(const std::string& client, bool clean) {
    const int device = device_of(client);
    if (device < 0 || !clean) return;
    const View& view = views_[index(device)];
    if (!view.clean && !view.clean_wanted) fail(fmt::format("{} loses its session at the broker", client));
}

void Oracle::device_is_connected(int device, bool is_connected) {
    views_[index(device)].is_connected = is_connected;
}

void Oracle::device_dies(int device) {
    View& view = views_[index(device)];
    view.died_connected = view.is_connected && view.will_confirmed != 0 && view.will_wanted == view.will_confirmed;
    view.wills_since_death = 0;
    if (view.wills_by_gateway > 0 || view.is_connecting) view.died_connected = false;
}

void Oracle::check_will(int device) const {
    const View& view = views_[index(device)];
    if (!view.died_connected || view.is_troubled) return;
    if (view.wills_since_death == 0) fail(fmt::format("d{} died, and its will was not published", device));
}

}  // namespace mqttsn::simulation
