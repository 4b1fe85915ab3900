#include "tools/node/client.hpp"

#include "protocol/sn/forwarder.hpp"
#include "protocol/topic.hpp"

#include <algorithm>

namespace mqttsn::node {

namespace {

constexpr std::size_t encapsulation_header = 3;  // without the node id
constexpr std::size_t publish_header = 9;        // in the 3-octet form

}  // namespace

std::size_t ClientOptions::max_payload() const noexcept {
    const std::size_t header = publish_header + (node_id.empty() ? 0 : encapsulation_header + node_id.size());
    return max_frame - std::min(max_frame, header);
}

std::size_t Client::largest_frame() const noexcept {
    return options_.max_frame - (options_.node_id.empty() ? 0 : encapsulation_header + options_.node_id.size());
}

Client::Client(ClientOptions options) : options_(std::move(options)), random_(random_of(options_.seed, 0xC1, 0)) {}

void Client::send_frame(const Buffer& frame, TimePoint now, Outbox& out) {
    Buffer datagram;
    if (!options_.node_id.empty()) sn::append_encapsulation(0, options_.node_id, datagram);
    datagram.insert(datagram.end(), frame.begin(), frame.end());
    ++counters_.frames_sent;
    counters_.octets_sent += datagram.size();
    last_sent_ = now;
    out.frames.push_back(std::move(datagram));
}

bool Client::send(const sn::Packet& packet, TimePoint now, Outbox& out) {
    Buffer frame;
    if (!sn::encode(packet, largest_frame(), frame)) return false;
    send_frame(frame, now, out);
    return true;
}

bool Client::begin(Slot slot, const sn::Packet& packet, TimePoint now, Outbox& out) {
    Transaction& transaction = transactions_[slot];
    transaction.open = true;
    transaction.sendings = 0;
    transaction.frame.clear();
    if (!sn::encode(packet, largest_frame(), transaction.frame)) {
        end(slot);
        return false;
    }
    transmit(transaction, now, out);
    return true;
}

void Client::transmit(Transaction& transaction, TimePoint now, Outbox& out) {
    ++transaction.sendings;
    transaction.deadline = now + retry_time();
    send_frame(transaction.frame, now, out);
}

Duration Client::retry_time() {
    if (options_.retry_jitter <= 0) return options_.retry;
    std::uniform_real_distribution<double> more(0, options_.retry_jitter);
    return options_.retry + std::chrono::round<Duration>(options_.retry * more(random_));
}

void Client::end(Slot slot) {
    transactions_[slot] = {};
}

bool Client::is_answer(Slot slot, sn::MsgId msg_id) const noexcept {
    return transactions_[slot].open && transactions_[slot].msg_id == msg_id;
}

sn::MsgId Client::new_msg_id() noexcept {
    const auto is_taken = [&](sn::MsgId id) {
        return id == 0 || std::any_of(transactions_.begin(), transactions_.end(),
                                      [&](const Transaction& each) { return each.open && each.msg_id == id; });
    };
    do {
        ++last_msg_id_;
    } while (is_taken(last_msg_id_));
    return last_msg_id_;
}

std::optional<Client::TopicForm> Client::form_of(const std::string& topic) const {
    const auto may_be = [&](sn::TopicIdType type) { return !options_.topic_type || *options_.topic_type == type; };
    if (may_be(sn::TopicIdType::predefined)) {
        for (const auto& [id, name] : options_.predefined) {
            if (name == topic) return TopicForm{sn::TopicIdType::predefined, id};
        }
    }
    if (may_be(sn::TopicIdType::short_name) && topic.size() == 2)
        return TopicForm{sn::TopicIdType::short_name, sn::short_topic(topic)};
    const auto known = ids_.find(topic);
    if (known == ids_.end()) return std::nullopt;
    return TopicForm{sn::TopicIdType::normal, known->second};
}

std::optional<std::string> Client::name_of(sn::TopicIdType type, sn::TopicId id) const {
    if (type == sn::TopicIdType::short_name) {
        return std::string{static_cast<char>(id >> 8U), static_cast<char>(id & 0xFFU)};
    }
    if (type == sn::TopicIdType::predefined) {
        const auto found = options_.predefined.find(id);
        return found == options_.predefined.end() ? std::nullopt : std::optional(found->second);
    }
    const auto found = names_.find(id);
    return type == sn::TopicIdType::reserved || found == names_.end() ? std::nullopt : std::optional(found->second);
}

// A new name for a known id replaces the old one (SN12C-6.5-b).
void Client::learn(const std::string& name, sn::TopicId id) {
    forget(id);
    ids_[name] = id;
    names_[id] = name;
}

void Client::forget(sn::TopicId id) {
    const auto found = names_.find(id);
    if (found == names_.end()) return;
    const auto id_of_name = ids_.find(found->second);
    if (id_of_name != ids_.end() && id_of_name->second == id) ids_.erase(id_of_name);
    names_.erase(found);
}

void Client::connect(TimePoint now, Outbox& out) {
    suspend();
    state_ = State::connecting;
    prompted_ = false;
    last_connect_ = now;
    if (options_.clean_session) forget_session();
    begin(session,
          sn::Connect{options_.will.has_value(), options_.clean_session, sn::protocol_id, options_.keep_alive_s,
                      options_.client_id},
          now, out);
}

void Client::forget_session() {
    ids_.clear();
    names_.clear();
    received_.clear();
}

void Client::change_gateway(Outbox& out) {
    forget_session();
    if (unreleased_) out.events.push_back(Published{unreleased_->job.token, sn::ReturnCode::accepted, true});
    unreleased_.reset();
}

Token Client::publish(std::string topic, Buffer payload, Qos qos, bool retain, TimePoint now, Outbox& out) {
    if (qos != Qos::minus_one) {
        return add({Job::Kind::publish, 0, std::move(topic), std::move(payload), qos, retain, false}, now, out);
    }
    const Token token = ++last_token_;
    const auto form = form_of(topic);
    const bool is_sent = form && form->type != sn::TopicIdType::normal &&
                         send(sn::Publish{false, qos, retain, form->type, form->id, 0, payload}, now, out);
    out.events.push_back(Published{token, is_sent ? sn::ReturnCode::accepted : sn::ReturnCode::not_supported, false});
    return token;
}

Token Client::subscribe(std::string filter, Qos qos, TimePoint now, Outbox& out) {
    return add({Job::Kind::subscribe, 0, std::move(filter), {}, qos, false, false}, now, out);
}

Token Client::unsubscribe(std::string filter, TimePoint now, Outbox& out) {
    return add({Job::Kind::unsubscribe, 0, std::move(filter), {}, Qos::at_most_once, false, false}, now, out);
}

Token Client::update_will_topic(std::string topic, Qos qos, bool retain, TimePoint now, Outbox& out) {
    return add({Job::Kind::will_topic, 0, std::move(topic), {}, qos, retain, false}, now, out);
}

Token Client::update_will_message(Buffer message, TimePoint now, Outbox& out) {
    return add({Job::Kind::will_message, 0, {}, std::move(message), Qos::at_most_once, false, false}, now, out);
}

Token Client::add(Job job, TimePoint now, Outbox& out) {
    const Token token = ++last_token_;
    job.token = token;
    jobs_.push_back(std::move(job));
    work(now, out);
    return token;
}

void Client::disconnect(TimePoint now, Outbox& out) {
    reconnect_at_.reset();
    sleep_for_s_.reset();
    wake_at_.reset();
    if (state_ == State::disconnected) {
        out.events.push_back(Disconnected{true});
        return;
    }
    suspend();
    state_ = State::disconnecting;
    begin(session, sn::Disconnect{}, now, out);
}

void Client::sleep(std::uint16_t duration_s, TimePoint now, Outbox& out) {
    if (duration_s == 0) return disconnect(now, out);
    sleep_for_s_ = duration_s;
    if (state_ == State::asleep || state_ == State::awake) return begin_sleep(now, out);
    work(now, out);
}

void Client::begin_sleep(TimePoint now, Outbox& out) {
    end(ping);
    wake_at_.reset();
    state_ = State::going_to_sleep;
    begin(session, sn::Disconnect{sleep_for_s_}, now, out);
}

// The gateway counts from the last message it got; a tenth of the time is left for the way and for repeats.
void Client::fall_asleep(Outbox& out) {
    end(session);
    state_ = State::asleep;
    wake_at_ = last_sent_ + Duration(std::chrono::seconds(*sleep_for_s_)) * 9 / 10;
    out.events.push_back(Asleep{});
}

void Client::wake(TimePoint now, Outbox& out) {
    if (state_ != State::asleep) return;
    wake_at_.reset();
    state_ = State::awake;
    begin(session, sn::Pingreq{options_.client_id}, now, out);
}

// Starts what may be started, in order; a job that has to wait does not hold back jobs of other kinds.
void Client::work(TimePoint now, Outbox& out) {
    if (state_ != State::active) return;
    if (sleep_for_s_) {
        const auto is_open = [](const Transaction& each) { return each.open; };
        if (std::none_of(transactions_.begin() + register_, transactions_.end(), is_open)) begin_sleep(now, out);
        return;
    }
    if (pause_until_ && now < *pause_until_) return;
    pause_until_.reset();
    bool is_message_waiting = false;
    for (std::size_t i = 0; i < jobs_.size();) {
        const bool is_message = jobs_[i].kind == Job::Kind::publish;
        // Messages keep their order; other requests may pass.
        if (!(is_message && is_message_waiting) && start(jobs_[i], now, out)) {
            jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(i));
        } else {
            is_message_waiting = is_message_waiting || is_message;
            ++i;
        }
    }
}

// True when the job is on its way, or can never be, and leaves the queue.
bool Client::start(Job& job, TimePoint now, Outbox& out) {
    switch (job.kind) {
        case Job::Kind::publish:
            return start_publication(job, now, out);
        case Job::Kind::subscribe:
        case Job::Kind::unsubscribe:
            return start_subscription(job, now, out);
        case Job::Kind::will_topic:
        case Job::Kind::will_message:
            return start_will_update(job, now, out);
        case Job::Kind::none:
            break;
    }
    return true;
}

// Wildcards have no ids, not even those of two characters.
bool Client::is_by_name(const std::optional<TopicForm>& form, const std::string& filter) {
    return !form || form->type == sn::TopicIdType::normal || has_wildcard(filter);
}

bool Client::start_subscription(Job& job, TimePoint now, Outbox& out) {
    if (transactions_[subscription].open) return false;
    const auto form = form_of(job.topic);
    const bool by_name = is_by_name(form, job.topic);
    const auto type = by_name ? sn::TopicIdType::normal : form->type;
    const sn::TopicId id = by_name ? sn::TopicId{0} : form->id;
    const sn::MsgId msg_id = new_msg_id();
    const bool is_subscribe = job.kind == Job::Kind::subscribe;
    const sn::Packet packet = is_subscribe ? sn::Packet(sn::Subscribe{false, job.qos, type, msg_id, id, job.topic})
                                           : sn::Packet(sn::Unsubscribe{type, msg_id, id, job.topic});
    if (!begin(subscription, packet, now, out)) {
        out.events.push_back(is_subscribe ? Event(Subscribed{job.token, sn::ReturnCode::not_supported, {}})
                                          : Event(Unsubscribed{job.token}));
        return true;
    }
    transactions_[subscription].msg_id = msg_id;
    transactions_[subscription].job = std::move(job);
    return true;
}

bool Client::start_will_update(Job& job, TimePoint now, Outbox& out) {
    const bool is_topic = job.kind == Job::Kind::will_topic;
    const Slot slot = is_topic ? will_topic : will_message;
    if (transactions_[slot].open) return false;
    const sn::Packet packet = is_topic ? sn::Packet(sn::WillTopicUpd{job.qos, job.retain, job.topic})
                                       : sn::Packet(sn::WillMsgUpd{job.payload});
    if (begin(slot, packet, now, out)) {
        transactions_[slot].job = std::move(job);
    } else {
        out.events.push_back(WillUpdated{job.token, sn::ReturnCode::not_supported});
    }
    return true;
}

bool Client::start_publication(Job& job, TimePoint now, Outbox& out) {
    const bool is_confirmed = job.qos != Qos::at_most_once;
    if (is_confirmed && transactions_[publication].open) return false;
    const auto form = form_of(job.topic);
    if (!form) {
        if (transactions_[register_].open) return false;
        const sn::MsgId msg_id = new_msg_id();
        if (!begin(register_, sn::Register{0, msg_id, job.topic}, now, out)) {
            out.events.push_back(Published{job.token, sn::ReturnCode::not_supported, false});
            return true;
        }
        transactions_[register_].msg_id = msg_id;
        transactions_[register_].job.topic = job.topic;
        return false;
    }
    const sn::MsgId msg_id = is_confirmed ? new_msg_id() : sn::MsgId{0};
    const sn::Publish packet{false, job.qos, job.retain, form->type, form->id, msg_id, job.payload};
    const bool is_sent = is_confirmed ? begin(publication, packet, now, out) : send(packet, now, out);
    if (is_sent && is_confirmed) {
        transactions_[publication].msg_id = msg_id;
        transactions_[publication].job = std::move(job);
    } else {
        out.events.push_back(
            Published{job.token, is_sent ? sn::ReturnCode::accepted : sn::ReturnCode::not_supported, false});
    }
    return true;
}

void Client::timeout(TimePoint now, Outbox& out) {
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
        Transaction& transaction = transactions_[slot];
        if (!transaction.open || transaction.deadline > now) continue;
        if (transaction.sendings > options_.retries) return exhausted(static_cast<Slot>(slot), out);
        // Only PUBLISH changes when it is repeated: flags follow the type octet (SN12C-6.6-c).
        const bool is_publish = slot == publication && !transaction.is_pubrel;
        if (is_publish) transaction.frame[transaction.frame[0] == std::byte{1} ? 4 : 2] |= std::byte{0x80};
        ++counters_.retransmissions;
        transmit(transaction, now, out);
    }
    if (reconnect_at_ && *reconnect_at_ <= now) return connect(now, out);
    if (wake_at_ && *wake_at_ <= now) return wake(now, out);
    if (pause_until_ && *pause_until_ <= now) {
        pause_until_.reset();
        work(now, out);
    }
    const Duration keep_alive = std::chrono::seconds(options_.keep_alive_s);
    if (state_ == State::active && options_.keep_alive_s != 0 && last_sent_ + keep_alive <= now &&
        !transactions_[ping].open) {
        begin(ping, sn::Pingreq{}, now, out);
    }
}

std::optional<TimePoint> Client::next_timeout() const noexcept {
    std::optional<TimePoint> earliest;
    const auto consider = [&](TimePoint when) {
        if (!earliest || when < *earliest) earliest = when;
    };
    for (const Transaction& each : transactions_) {
        if (each.open) consider(each.deadline);
    }
    for (const auto& each : {pause_until_, reconnect_at_, wake_at_}) {
        if (each) consider(*each);
    }
    if (state_ == State::active && options_.keep_alive_s != 0 && !transactions_[ping].open) {
        consider(last_sent_ + std::chrono::seconds(options_.keep_alive_s));
    }
    return earliest;
}

// What was under way goes back to the queue. Behind a PUBREC the gateway has the message: only PUBREL is still owed.
void Client::suspend() {
    reconnect_at_.reset();
    sleep_for_s_.reset();
    wake_at_.reset();
    for (Transaction& each : transactions_) {
        if (each.open && each.is_pubrel) {
            unreleased_ = std::move(each);
        } else if (each.open && each.job.kind != Job::Kind::none) {
            jobs_.push_front(std::move(each.job));
        }
        each = {};
    }
}

void Client::connection_ended(const Event& event, Outbox& out) {
    suspend();
    state_ = State::disconnected;
    out.events.push_back(event);
}

// SN 6.12: not answered, but followed by CONNECT. Not more often than T_retry allows: two nodes with one client id
// would otherwise end each other's connections as fast as the network can.
void Client::ended_by_gateway(TimePoint now, Outbox& out) {
    connection_ended(Disconnected{false}, out);
    reconnect_at_ = std::max(now, last_connect_ + options_.retry);
    if (*reconnect_at_ == now) connect(now, out);
}

// A gateway that is silent towards a wake-up may be busy: the next wake-up asks again (SN 6.14).
void Client::exhausted(Slot slot, Outbox& out) {
    if (slot == session && state_ == State::awake) return fall_asleep(out);
    connection_ended(Lost{}, out);
}

}  // namespace mqttsn::node
