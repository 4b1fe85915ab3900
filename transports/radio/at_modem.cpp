#include "transports/radio/at_modem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>

namespace mqttsn::transports {

namespace {

using namespace std::chrono_literals;

constexpr unsigned attempts_at_most = 3;
constexpr unsigned busy_starts_at_most = 5;
constexpr Duration refused_wait = 100ms;
constexpr Duration reset_time = 3s;       // until a modem that was told to start anew answers
constexpr Duration reboot_time = 2s;      // until one that said so does
constexpr Duration give_up_time = 30s;    // a modem that refuses its configuration
constexpr Duration check_interval = 60s;  // of a modem that says nothing
constexpr Duration doubt_time = 100ms;    // it may be deaf, but noise must not keep it busy
constexpr unsigned silences_at_most = 3;
constexpr unsigned missed_departures_at_most = 2;
constexpr std::size_t longest_queue = 32;

}  // namespace

std::string choose_mtu(DriverTraits& traits, std::size_t mtu, std::size_t largest) {
    if (mtu > largest) return fmt::format("mtu = \"{}\": expected a number up to {}", mtu, largest);
    if (mtu != 0) traits.mtu = mtu;
    return {};
}

void AtModem::opened(TimePoint now, DriverOutput& out) {
    lines_.reset();
    silences_ = 0;
    missed_departures_ = 0;
    is_restart_expected_ = false;
    start(now, out);
}

void AtModem::closed(TimePoint /*now*/, DriverOutput& out) {
    fail_transmission(out);
    forget_commands();
    lines_.reset();
    phase_ = Phase::closed;
    set_ready(false, out);
}

void AtModem::receive(Bytes octets, TimePoint now, DriverOutput& out) {
    if (phase_ == Phase::closed) return;
    found_.clear();
    lines_.receive(octets, now, found_);
    for (std::size_t at = 0; at < found_.size(); ++at)
        handle(as_text(found_[at]), now, out);
}

bool AtModem::can_send() const noexcept {
    return is_ready_ && phase_ == Phase::idle && !outstanding_ && !pause_ && queue_.empty();
}

void AtModem::send(const OutgoingFrame& frame, TimePoint now, DriverOutput& out) {
    assert(can_send() && frame.frame.size() <= traits_.mtu);
    auto command = transmission(frame);
    if (!command) {
        ++counters_.send_failures;
        out.departed.push_back({frame.token, Departure::failed});
        return;
    }
    transmission_ = {frame.token, *command, air_time(frame.frame.size()), {}, false};
    phase_ = Phase::sending;
    if (!habits_.stop_receiving.empty()) ask(Purpose::stop_receiving, habits_.stop_receiving);
    ask(Purpose::transmit, *std::move(command));
    ++counters_.sent;
    begin_next(now, out);
}

void AtModem::timeout(TimePoint now, DriverOutput& out) {
    if (phase_ == Phase::closed) return;
    found_.clear();
    lines_.timeout(now, found_);
    for (std::size_t at = 0; at < found_.size(); ++at)
        handle(as_text(found_[at]), now, out);
    if (pause_ && now >= *pause_) {
        pause_.reset();
        if (phase_ == Phase::resting) start(now, out);
    }
    if (outstanding_ && now >= answer_by_) unanswered(now, out);
    if (phase_ == Phase::on_air && now >= transmission_->deadline) missed_departure(now, out);
    if (can_send()) check(now);
    begin_next(now, out);
}

std::optional<TimePoint> AtModem::next_timeout() const noexcept {
    if (phase_ == Phase::closed) return std::nullopt;
    std::optional<TimePoint> next = lines_.next_timeout();
    const auto at = [&](TimePoint time) { next = next ? std::min(*next, time) : time; };
    if (pause_) at(*pause_);
    if (outstanding_) at(answer_by_);
    if (phase_ == Phase::on_air) at(transmission_->deadline);
    if (can_send()) at(heard_at_ + check_interval);
    return next;
}

const DriverCounters& AtModem::counters() const noexcept {
    sum_ = counters_;
    sum_.oversize += lines_.counters().oversize;
    sum_.skipped_octets += lines_.counters().skipped_octets;
    return sum_;
}

void AtModem::receive_again() {
    if (habits_.start_receiving.empty() || phase_ != Phase::idle) return;
    const bool is_starting = outstanding_ && outstanding_->purpose == Purpose::start_receiving;
    if (is_starting) outstanding_.reset();  // it had started: the answer was lost
    if (std::ranges::find(queue_, Purpose::start_receiving, &Command::purpose) != queue_.end()) return;
    ask(Purpose::start_receiving, habits_.start_receiving);
}

void AtModem::received(const Address& from, std::optional<Signal> signal, Bytes frame, DriverOutput& out) {
    ++counters_.frames_in;
    out.push_received(from, signal, frame);
}

void AtModem::note(DriverOutput::Level level, std::string_view text, DriverOutput& out) const {
    out.notes.push_back({level, fmt::format("{} {}", habits_.model, text)});
}

void AtModem::start(TimePoint now, DriverOutput& out) {
    forget_commands();
    phase_ = Phase::starting;
    initialise();
    if (!habits_.start_receiving.empty()) ask(Purpose::start_receiving, habits_.start_receiving);
    begin_next(now, out);
}

void AtModem::begin_next(TimePoint now, DriverOutput& out) {
    if (outstanding_ || pause_ || phase_ == Phase::closed || phase_ == Phase::resting) return;
    assert(queue_.size() <= longest_queue);
    if (queue_.empty()) {
        if (phase_ != Phase::starting) return;
        phase_ = Phase::idle;
        heard_at_ = now;
        is_restart_expected_ = false;
        has_complained_ = false;
        set_ready(true, out);
        return;
    }
    outstanding_ = std::move(queue_.front());
    queue_.pop_front();
    lines_.encode(as_bytes(outstanding_->text), out.wire);
    answer_by_ = now + habits_.patience;
    if (outstanding_->purpose == Purpose::transmit) {
        answer_by_ = now + 2 * transmission_->air_time + habits_.allowance;
        transmission_->deadline = answer_by_;
    }
}

/// A modem without reception looks like a quiet network: who hears nothing asks.
void AtModem::check(TimePoint now) {
    if (now < heard_at_ + check_interval) return;
    heard_at_ = now;
    if (!habits_.checks_by_receiving) return ask(Purpose::probe, habits_.probe);
    if (!habits_.stop_receiving.empty()) ask(Purpose::stop_receiving, habits_.stop_receiving);
    receive_again();
}

void AtModem::handle(std::string_view line, TimePoint now, DriverOutput& out) {
    if (phase_ == Phase::closed) return;
    if (outstanding_ && line == outstanding_->text) return;  // an echo
    const Reply reply = read(line, now, out);
    if (reply.meaning != Meaning::unknown) heard_at_ = now;
    switch (reply.meaning) {
        case Meaning::nothing:
            break;
        case Meaning::unknown:
            ++counters_.unexpected;
            // Perhaps what told that reception has ended, damaged on the line.
            if (habits_.checks_by_receiving) heard_at_ = std::min(heard_at_, now + doubt_time - check_interval);
            break;
        case Meaning::restarting:
            restarting(false, now, out);
            break;
        case Meaning::started:
            restarting(true, now, out);
            break;
        case Meaning::departed:
        case Meaning::lost: {
            const bool was_asked = outstanding_ && outstanding_->purpose == Purpose::transmit;
            if (!was_asked && phase_ != Phase::on_air) {
                ++counters_.unexpected;
                break;
            }
            if (was_asked) outstanding_.reset();  // its OK was lost
            missed_departures_ = 0;
            if (reply.meaning == Meaning::departed)
                depart(Departure::left, out);
            else
                fail_transmission(out);
            break;
        }
        default:
            if (outstanding_)
                answer(reply, now, out);
            else
                ++counters_.unexpected;
    }
    begin_next(now, out);
}

void AtModem::answer(const Reply& reply, TimePoint now, DriverOutput& out) {
    silences_ = 0;
    const Purpose purpose = outstanding_->purpose;
    if (purpose == Purpose::query) return answer_query(reply, now, out);
    if (reply.meaning == Meaning::value) {
        ++counters_.unexpected;
        return;
    }
    if (purpose == Purpose::transmit) return answer_transmit(reply, now, out);
    if (purpose == Purpose::set || purpose == Purpose::start_receiving) return answer_change(reply, now, out);
    conclude(reply.meaning == Meaning::ok, out);
}

void AtModem::answer_query(const Reply& reply, TimePoint now, DriverOutput& out) {
    Command& query = *outstanding_;
    switch (reply.meaning) {
        case Meaning::value: {
            query.matches = same(reply.text, query.expected);
            if (!*query.matches) {
                const bool is_corrected = !query.correction.empty();
                note(is_corrected ? DriverOutput::Level::info : DriverOutput::Level::warning,
                     fmt::format("answers {} with {}, not {}: {}", query.text, reply.text, query.expected,
                                 is_corrected ? "set" : "left as it is"),
                     out);
            }
            if (habits_.value_answers) conclude(*query.matches, out);
            return;
        }
        case Meaning::ok:
            if (query.matches) return conclude(*query.matches, out);
            if (habits_.value_answers) {
                ++counters_.unexpected;  // a late answer to something else
                return;
            }
            ++counters_.check_errors;  // the value was lost on the line
            break;
        case Meaning::busy:
            break;
        default:
            query.attempts = attempts_at_most;  // it does not know the question
    }
    if (query.attempts + 1 < attempts_at_most) return try_again(refused_wait, now);
    conclude(false, out);
}

/// To a command that must succeed.
void AtModem::answer_change(const Reply& reply, TimePoint now, DriverOutput& out) {
    if (reply.meaning == Meaning::ok) return conclude(true, out);
    const bool is_busy = reply.meaning == Meaning::busy;
    const bool is_start = outstanding_->purpose == Purpose::start_receiving;
    if (!is_busy) ++outstanding_->refusals;
    // Refused once may mean that the command was damaged on the line, or that it answered that it is busy.
    if (is_busy ? outstanding_->attempts + 1 < (is_start ? busy_starts_at_most : habits_.busy_retries)
                : outstanding_->refusals < attempts_at_most) {
        return try_again(is_busy ? std::max(habits_.busy_wait, refused_wait) : refused_wait, now);
    }
    if (is_busy && is_start) return conclude(true, out);  // it receives already
    const std::string why = fmt::format("answers {} with {}", outstanding_->text, reply.text);
    give_up(why, give_up_time, now, out);
}

void AtModem::answer_transmit(const Reply& reply, TimePoint now, DriverOutput& out) {
    if (reply.meaning == Meaning::ok) {
        outstanding_.reset();
        if (habits_.tells_departure) {
            phase_ = Phase::on_air;
            return;
        }
        missed_departures_ = 0;
        return depart(Departure::left, out);
    }
    const bool is_busy = reply.meaning == Meaning::busy;
    if (is_busy ? outstanding_->attempts < habits_.busy_retries : !transmission_->is_repeated) {
        ++counters_.retried;
        if (!is_busy) transmission_->is_repeated = true;
        const Duration wait = habits_.busy_wait > Duration{} ? habits_.busy_wait : transmission_->air_time;
        try_again(is_busy ? wait : Duration{}, now);
        if (is_busy && !habits_.stop_receiving.empty()) ask_next(Purpose::stop_receiving, habits_.stop_receiving);
        return;
    }
    note(DriverOutput::Level::debug, fmt::format("answers a transmission with {}", reply.text), out);
    outstanding_.reset();
    fail_transmission(out);
}

void AtModem::conclude(bool ok, DriverOutput& out) {
    Command command = *std::move(outstanding_);
    outstanding_.reset();
    concluded(command, ok, out);
    if (command.purpose == Purpose::query && !ok && !command.correction.empty()) {
        ask_next(Purpose::set, std::move(command.correction));
    }
}

void AtModem::try_again(Duration wait, TimePoint now) {
    ++outstanding_->attempts;
    queue_.push_front(*std::move(outstanding_));
    outstanding_.reset();
    if (wait > Duration{}) pause_ = now + wait;
}

void AtModem::unanswered(TimePoint now, DriverOutput& out) {
    if (outstanding_->purpose == Purpose::transmit) {
        outstanding_.reset();
        return missed_departure(now, out);
    }
    if (outstanding_->purpose == Purpose::ask) return conclude(false, out);
    if (outstanding_->attempts + 1 < attempts_at_most) return try_again({}, now);
    silent(now, out);
}

void AtModem::missed_departure(TimePoint now, DriverOutput& out) {
    ++counters_.send_timeouts;
    depart(Departure::failed, out);
    if (++missed_departures_ >= missed_departures_at_most) {
        missed_departures_ = 0;
        note(DriverOutput::Level::warning, "takes frames and does not send them: started anew", out);
        return reset_modem(now, out);
    }
    if (!habits_.stop_receiving.empty()) ask_next(Purpose::stop_receiving, habits_.stop_receiving);
    ask_next(Purpose::probe, habits_.probe);
}

void AtModem::depart(Departure departure, DriverOutput& out) {
    out.departed.push_back({transmission_->token, departure});
    if (departure == Departure::left) ++counters_.departed;
    transmission_.reset();
    phase_ = Phase::idle;
    receive_again();
}

void AtModem::fail_transmission(DriverOutput& out) {
    if (!transmission_) return;
    ++counters_.send_failures;
    depart(Departure::failed, out);
}

void AtModem::restarting(bool is_complete, TimePoint now, DriverOutput& out) {
    if (!is_restart_expected_) {
        ++counters_.resets;
        note(DriverOutput::Level::warning, "has started anew by itself", out);
    }
    is_restart_expected_ = !is_complete;
    fail_transmission(out);
    set_ready(false, out);
    if (is_complete)
        start(now, out);
    else
        rest(reboot_time, now);
}

void AtModem::give_up(std::string_view why, Duration duration, TimePoint now, DriverOutput& out) {
    if (!has_complained_) note(DriverOutput::Level::error, why, out);
    has_complained_ = true;
    fail_transmission(out);
    set_ready(false, out);
    rest(duration, now);
}

void AtModem::silent(TimePoint now, DriverOutput& out) {
    if (!has_complained_) note(DriverOutput::Level::warning, "does not answer: is it powered, is baud right?", out);
    has_complained_ = true;
    fail_transmission(out);
    if (++silences_ < silences_at_most) return reset_modem(now, out);
    forget_commands();
    phase_ = Phase::closed;
    set_ready(false, out);
    out.reopen = true;
}

void AtModem::reset_modem(TimePoint now, DriverOutput& out) {
    lines_.encode(as_bytes(habits_.reset), out.wire);
    is_restart_expected_ = true;
    set_ready(false, out);
    rest(reset_time, now);
}

void AtModem::rest(Duration duration, TimePoint now) {
    forget_commands();
    phase_ = Phase::resting;
    pause_ = now + duration;
}

void AtModem::forget_commands() noexcept {
    queue_.clear();
    outstanding_.reset();
    pause_.reset();
}

void AtModem::set_ready(bool ready, DriverOutput& out) {
    is_ready_ = ready;
    out.ready = ready;
}

}  // namespace mqttsn::transports
