#include "tools/benchmark/handshake.hpp"

#include "tools/benchmark/process_meter.hpp"
#include "tools/commands/common.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace mqttsn::tools::benchmark {

namespace {

constexpr std::int64_t scan_every = 10'000'000;  // ns
constexpr sn::MsgId register_id = 1;
constexpr sn::MsgId subscribe_id = 2;
constexpr std::uint16_t never_silent_s = 0xFFFF;  // clients under load do not ping, and may wait long for their turn

}  // namespace

std::string Names::client_id(std::uint32_t client) const {
    return fmt::format("bench-{:08x}-{}", run, client);
}
std::string Names::topic(std::uint32_t client) const {
    return fmt::format("bench/{:08x}/{}", run, client);
}
std::string Names::all_topics() const {
    return fmt::format("bench/{:08x}/+", run);
}

Handshake::Handshake(Kind kind, Network& network, const Names& names, const Options& options,
                     std::vector<sn::TopicId>& topic_ids)
    : kind_(kind),
      network_(network),
      names_(names),
      options_(options),
      topic_ids_(topic_ids),
      is_paced_(kind == Kind::connect && options.scenario == Scenario::connect && options.is_open_loop()),
      clients_(network.fleet().size()) {
    topic_ids_.resize(clients_.size());
}

std::int64_t Handshake::intended(std::uint32_t client) const noexcept {
    return begin_ + static_cast<std::int64_t>(client * 1e9 / options_.rate);
}

HandshakeResult Handshake::run() {
    begin_ = now_ns();
    std::int64_t last = begin_;
    std::int64_t next_scan = begin_ + scan_every;
    // Clients say goodbye also when the broker is gone.
    const auto is_over = [&] {
        return kind_ == Kind::disconnect ? network_.is_interrupted() : !network_.failure().empty();
    };
    while (result_.done + result_.failed < clients_.size() && !is_over()) {
        const std::int64_t now = now_ns();
        start_due(now);
        if (now >= next_scan) {
            repeat_late(now);
            next_scan = now + scan_every;
            if (result_.done == 0 && result_.failed > 0) break;  // the others would wait as long, and in vain
        }
        const bool has_more = is_paced_ && next_ < clients_.size() && in_flight_ < options_.requests_in_flight();
        const std::uint32_t done_before = result_.done;
        network_.turn(*this, has_more ? std::min(next_scan, intended(next_)) : next_scan);
        if (result_.done > done_before) last = now_ns();
    }
    result_.elapsed_ns = last - begin_;
    return std::move(result_);
}

void Handshake::start_due(std::int64_t now) {
    while (next_ < clients_.size() && in_flight_ < options_.requests_in_flight() &&
           (!is_paced_ || intended(next_) <= now)) {
        clients_[next_].intended_at = is_paced_ ? intended(next_) : now;
        ++in_flight_;
        ask(next_++, now);
    }
}

void Handshake::ask(std::uint32_t client, std::int64_t now) {
    clients_[client].state = State::asked;
    clients_[client].asked_at = now;
    ++clients_[client].tries;
    switch (kind_) {
        case Kind::connect: {
            const bool idle = options_.scenario == Scenario::idle;
            const auto id = names_.client_id(client);
            network_.fleet().send(
                client, sn::Connect{false, true, sn::protocol_id, idle ? options_.keep_alive_s : never_silent_s, id});
            break;
        }
        case Kind::register_: {
            const auto topic = names_.topic(client);
            network_.fleet().send(client, sn::Register{0, register_id, topic});
            break;
        }
        case Kind::subscribe: {
            const auto topic = names_.topic(client);
            network_.fleet().send(client, sn::Subscribe{clients_[client].tries > 1, static_cast<Qos>(options_.qos),
                                                        sn::TopicIdType::normal, subscribe_id, 0, topic});
            break;
        }
        case Kind::disconnect:
            network_.fleet().send(client, sn::Disconnect{});
            break;
    }
}

void Handshake::on_frame(std::uint32_t client, const sn::Packet& packet, std::int64_t now) {
    if (clients_[client].state != State::asked) return;
    if (const auto* connack = std::get_if<sn::Connack>(&packet)) {
        if (kind_ == Kind::connect) answer(client, connack->code, now);
    } else if (const auto* regack = std::get_if<sn::Regack>(&packet)) {
        if (kind_ != Kind::register_ || regack->msg_id != register_id) return;
        topic_ids_[client] = regack->topic_id;
        answer(client, regack->code, now);
    } else if (const auto* suback = std::get_if<sn::Suback>(&packet)) {
        if (kind_ != Kind::subscribe || suback->msg_id != subscribe_id) return;
        topic_ids_[client] = suback->topic_id;
        answer(client, suback->code, now);
    } else if (std::holds_alternative<sn::Disconnect>(packet)) {
        if (kind_ == Kind::disconnect) return answer(client, sn::ReturnCode::accepted, now);
        if (result_.rejection.empty()) result_.rejection = "disconnected by the gateway";
        end(clients_[client], false);
    }
}

void Handshake::answer(std::uint32_t client, sn::ReturnCode code, std::int64_t now) {
    if (code == sn::ReturnCode::congestion) {
        ++result_.congested;  // asked again after the retry time, as if unanswered
        return;
    }
    const bool accepted = code == sn::ReturnCode::accepted;
    if (accepted) result_.latency.record(now - clients_[client].intended_at);
    if (!accepted && result_.rejection.empty()) result_.rejection = text_of(code);
    end(clients_[client], accepted);
}

void Handshake::end(Client& client, bool done) {
    client.state = State::answered;
    --in_flight_;
    ++(done ? result_.done : result_.failed);
}

void Handshake::repeat_late(std::int64_t now) {
    for (std::uint32_t client = 0; client < next_; ++client) {
        Client& each = clients_[client];
        if (each.state != State::asked || now - each.asked_at < options_.retry_ns()) continue;
        if (each.tries > options_.retries) {
            end(each, false);
        } else {
            ++result_.repeated;
            ask(client, now);
        }
    }
}

}  // namespace mqttsn::tools::benchmark
