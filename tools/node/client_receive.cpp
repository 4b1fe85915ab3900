// What the gateway sends to the client of client.hpp.
#include "protocol/sn/forwarder.hpp"
#include "protocol/topic.hpp"
#include "tools/node/client.hpp"

#include <algorithm>

namespace mqttsn::node {

/// One call operator per message that a gateway may send to this client; all others are ignored (SN12C-5.2.2-a).
struct Client::Receiver {
    Client& client;
    TimePoint now;
    Outbox& out;

    void operator()(const sn::Connack& packet) const {
        if (client.state_ != State::connecting) return;
        client.end(session);
        if (packet.code != sn::ReturnCode::accepted) {
            client.connection_ended(Rejected{packet.code}, out);
            if (packet.code == sn::ReturnCode::congestion) client.reconnect_at_ = now + client.options_.wait;
            return;
        }
        client.state_ = State::active;
        // What came since CONNECT was still of the session that ends here.
        if (client.options_.clean_session) client.forget_session();
        out.events.push_back(Connected{});
        if (client.unreleased_) {
            client.transactions_[publication] = std::move(*client.unreleased_);
            client.unreleased_.reset();
            client.begin(publication, sn::Pubrel{client.transactions_[publication].msg_id}, now, out);
        }
        client.work(now, out);
    }
    void operator()(const sn::WillTopicReq&) const {
        if (client.state_ != State::connecting || !client.options_.will) return;
        client.prompted_ = true;
        const Will& will = *client.options_.will;
        client.begin(session, sn::WillTopic{will.qos, will.retain, will.topic}, now, out);
    }
    void operator()(const sn::WillMsgReq&) const {
        if (client.state_ != State::connecting || !client.options_.will) return;
        client.prompted_ = true;
        client.begin(session, sn::WillMsg{client.options_.will->message}, now, out);
    }
    void operator()(const sn::Register& packet) const {
        client.learn(std::string(packet.topic_name), packet.topic_id);
        client.send(sn::Regack{packet.topic_id, packet.msg_id, sn::ReturnCode::accepted}, now, out);
    }
    void operator()(const sn::Regack& packet) const {
        if (!client.is_answer(register_, packet.msg_id)) return;
        const std::string topic = client.transactions_[register_].job.topic;
        client.end(register_);
        if (packet.code == sn::ReturnCode::accepted) {
            client.learn(topic, packet.topic_id);
        } else if (packet.code == sn::ReturnCode::congestion) {
            client.pause_until_ = now + client.options_.wait;
        } else {
            client.refuse_jobs(topic, packet.code, out);
        }
        client.work(now, out);
    }
    void operator()(const sn::Publish& packet) const {
        const auto topic = client.name_of(packet.type, packet.topic_id);
        if (!topic) {
            client.send(sn::Puback{packet.topic_id, packet.msg_id, sn::ReturnCode::invalid_topic_id}, now, out);
            return;
        }
        bool is_new = true;
        if (packet.qos == Qos::exactly_once) {
            is_new = std::ranges::find(client.received_, packet.msg_id) == client.received_.end();
            if (is_new) client.received_.push_back(packet.msg_id);
            client.send(sn::Pubrec{packet.msg_id}, now, out);
        } else if (packet.qos == Qos::at_least_once) {
            client.send(sn::Puback{packet.topic_id, packet.msg_id, sn::ReturnCode::accepted}, now, out);
        }
        if (is_new) {
            out.events.push_back(Received{*topic, Buffer(packet.data.begin(), packet.data.end()), packet.qos,
                                          packet.retain, packet.msg_id});
        }
    }
    void operator()(const sn::Puback& packet) const {
        if (packet.code != sn::ReturnCode::accepted) return client.publication_refused(packet, now, out);
        if (is_answer_to_publication(packet.msg_id, Qos::at_least_once)) published(sn::ReturnCode::accepted);
    }
    void operator()(const sn::Pubrec& packet) const {
        if (!is_answer_to_publication(packet.msg_id, Qos::exactly_once)) return;
        client.transactions_[publication].is_pubrel = true;
        client.begin(publication, sn::Pubrel{packet.msg_id}, now, out);
    }
    void operator()(const sn::Pubcomp& packet) const {
        if (client.is_answer(publication, packet.msg_id) && client.transactions_[publication].is_pubrel) {
            published(sn::ReturnCode::accepted);
        }
    }
    void operator()(const sn::Pubrel& packet) const {
        std::erase(client.received_, packet.msg_id);
        client.send(sn::Pubcomp{packet.msg_id}, now, out);
    }
    void operator()(const sn::Suback& packet) const {
        if (!client.is_answer(subscription, packet.msg_id)) return;
        const Job done = client.transactions_[subscription].job;
        if (done.kind != Job::Kind::subscribe) return;
        client.end(subscription);
        if (packet.code == sn::ReturnCode::accepted && packet.topic_id != 0 &&
            is_by_name(client.form_of(done.topic), done.topic) && !has_wildcard(done.topic)) {
            client.learn(done.topic, packet.topic_id);
        }
        if (packet.code == sn::ReturnCode::congestion) client.pause_until_ = now + client.options_.wait;
        out.events.push_back(Subscribed{done.token, packet.code, packet.qos});
        client.work(now, out);
    }
    void operator()(const sn::Unsuback& packet) const {
        if (!client.is_answer(subscription, packet.msg_id)) return;
        const Job done = client.transactions_[subscription].job;
        if (done.kind != Job::Kind::unsubscribe) return;
        client.end(subscription);
        out.events.push_back(Unsubscribed{done.token});
        client.work(now, out);
    }
    void operator()(const sn::WillTopicResp& packet) const {
        will_updated(will_topic, packet.code, [](Job& done, std::optional<Will>& will) {
            if (done.topic.empty()) return will.reset();
            if (!will) will.emplace();
            will->topic = std::move(done.topic);
            will->qos = done.qos;
            will->retain = done.retain;
        });
    }
    void operator()(const sn::WillMsgResp& packet) const {
        will_updated(will_message, packet.code, [](Job& done, std::optional<Will>& will) {
            if (will) will->message = std::move(done.payload);
        });
    }
    void operator()(const sn::Pingreq&) const { client.send(sn::Pingresp{}, now, out); }
    void operator()(const sn::Pingresp&) const {
        client.end(ping);
        if (client.state_ == State::awake) client.fall_asleep(out);
    }
    void operator()(const sn::Disconnect&) const {
        if (client.state_ == State::going_to_sleep) return client.fall_asleep(out);
        if (client.state_ == State::disconnecting) return client.connection_ended(Disconnected{true}, out);
        // A repeated DISCONNECT of the connection before: the CONNECT that follows it is on its way.
        const bool is_late = client.state_ == State::connecting && !client.prompted_;
        if (!is_late) client.ended_by_gateway(now, out);
    }
    template <class Other>
    void operator()(const Other&) const {}

    bool is_answer_to_publication(sn::MsgId msg_id, Qos qos) const {
        return client.is_answer(publication, msg_id) && client.transactions_[publication].job.qos == qos;
    }
    void published(sn::ReturnCode code) const {
        const Token token = client.transactions_[publication].job.token;
        client.end(publication);
        out.events.push_back(Published{token, code, code == sn::ReturnCode::accepted});
        client.work(now, out);
    }
    template <class Store>
    void will_updated(Slot slot, sn::ReturnCode code, Store&& store) const {
        if (!client.transactions_[slot].open) return;
        Job done = std::move(client.transactions_[slot].job);
        client.end(slot);
        const Token token = done.token;
        if (code == sn::ReturnCode::accepted) store(done, client.options_.will);
        out.events.push_back(WillUpdated{token, code});
        client.work(now, out);
    }
};

void Client::refuse_jobs(const std::string& topic, sn::ReturnCode code, Outbox& out) {
    std::erase_if(jobs_, [&](const Job& job) {
        const bool is_refused = job.kind == Job::Kind::publish && job.topic == topic;
        if (is_refused) out.events.push_back(Published{job.token, code, false});
        return is_refused;
    });
}

// PUBACK with an error, for any QoS: register again, pause, or give up (SN12C-6.6-b). It does not tell the type of its
// id: of a message that is not awaited any more, a predefined id may be meant, which cannot be registered
// (SN12C-6.7-b).
void Client::publication_refused(const sn::Puback& packet, TimePoint now, Outbox& out) {
    const bool is_ours = is_answer(publication, packet.msg_id) && !transactions_[publication].is_pubrel;
    const bool is_unknown_id = packet.code == sn::ReturnCode::invalid_topic_id;
    const bool is_congested = packet.code == sn::ReturnCode::congestion;
    if (is_congested) pause_until_ = now + options_.wait;
    if (!is_ours) {
        if (is_unknown_id && !options_.predefined.contains(packet.topic_id)) forget(packet.topic_id);
        return;
    }
    Job& job = transactions_[publication].job;
    const auto form = form_of(job.topic);
    const bool has_normal_id = !form || form->type == sn::TopicIdType::normal;
    if (is_unknown_id && has_normal_id) forget(packet.topic_id);
    const bool again = is_congested || (is_unknown_id && has_normal_id && !job.renewed);
    if (!again) return Receiver{*this, now, out}.published(packet.code);
    job.renewed = is_unknown_id;
    jobs_.push_front(std::move(job));
    end(publication);
    work(now, out);
}

namespace {

bool may_come_from_gateway(sn::MsgType type) noexcept {
    switch (type) {
        case sn::MsgType::connack:
        case sn::MsgType::willtopicreq:
        case sn::MsgType::willmsgreq:
        case sn::MsgType::register_:
        case sn::MsgType::regack:
        case sn::MsgType::publish:
        case sn::MsgType::puback:
        case sn::MsgType::pubcomp:
        case sn::MsgType::pubrec:
        case sn::MsgType::pubrel:
        case sn::MsgType::suback:
        case sn::MsgType::unsuback:
        case sn::MsgType::pingreq:
        case sn::MsgType::pingresp:
        case sn::MsgType::disconnect:
        case sn::MsgType::willtopicresp:
        case sn::MsgType::willmsgresp:
            return true;
        default:
            return false;
    }
}

}  // namespace

void Client::receive(Bytes datagram, TimePoint now, Outbox& out) {
    // The receiver is off (SN 6.14), or nobody is expected to send.
    if (state_ == State::asleep || state_ == State::disconnected) return;
    Bytes frame = datagram;
    if (!options_.node_id.empty()) {
        const auto outer = sn::decode_encapsulated(datagram);
        if (!outer || !std::ranges::equal(outer->node_id, options_.node_id)) return;
        frame = outer->inner;
    }
    const auto packet = sn::decode(frame);
    if (!packet) {
        ++counters_.malformed;
        return;
    }
    if (!may_come_from_gateway(sn::type_of(*packet))) return;
    ++counters_.frames_received;
    counters_.octets_received += datagram.size();
    // A drain goes on with every message: only silence makes the client ask again (SN12C-6.14-b).
    if (state_ == State::awake) transactions_[session].deadline = now + options_.retry;
    std::visit(Receiver{*this, now, out}, *packet);
}

}  // namespace mqttsn::node
