#include "gateway/runtime/engine.hpp"

#include "gateway/runtime/link_report.hpp"
#include "gateway/runtime/reload.hpp"
#include "gateway/runtime/status_json.hpp"
#include "transports/udp.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <boost/asio/post.hpp>

#include <csignal>
#include <random>

namespace mqttsn::gateway {

namespace {

constexpr std::size_t read_buffer_octets = 256U << 10;
constexpr auto last_call = std::chrono::seconds(3);
constexpr std::size_t most_signal_lines = 100;

}  // namespace

Engine::Engine(Settings settings, Log& log)
    : settings_(std::move(settings)), log_(log), resolver_(io_, settings_.broker), read_buffer_(read_buffer_octets) {
    for (const UdpSettings& each : settings_.udp) {
        links_.push_back(
            std::make_unique<transports::UdpTransport>(poll_, static_cast<LinkId>(links_.size()), each.socket));
    }
    for (const SerialSettings& each : settings_.serial) {
        links_.push_back(
            std::make_unique<transports::SerialTransport>(io_, static_cast<LinkId>(links_.size()), each.link));
    }
    using std::chrono::duration_cast;
    // Ids that begin at random must not begin alike after every start.
    settings_.core.seed = std::random_device{}();
    settings_.core.unix_time_at_zero =
        duration_cast<Duration>(std::chrono::system_clock::now().time_since_epoch()) - now().time_since_epoch();
    Gateway::Naming naming{
        [this](const Endpoint& endpoint) { return links_.at(endpoint.link)->to_string(endpoint.address); },
        [this](const Endpoint& a, const Endpoint& b) {
            return a.link == b.link && links_.at(a.link)->same_host(a.address, b.address);
        },
        [this](const DeviceReport& device) {
            return show_device_status(device, settings_.core.links, std::chrono::system_clock::now());
        }};
    settings_.core.bridge.info = show_info(settings_);
    gateway_ = std::make_unique<Gateway>(settings_.core, std::move(naming));
}

Engine::~Engine() = default;

bool Engine::start() {
    // A listener stands from the start; a serial link says when it does.
    links_up_.assign(links_.size(), false);
    std::fill_n(links_up_.begin(), settings_.udp.size(), true);
    if (settings_.core.durable && !open_store()) return false;
    for (auto& link : links_) {
        const auto started = link->start(*this);
        for (const auto& warning : link->warnings())
            log_.write(LogLevel::warning, warning);
        if (!started) {
            log_.write(LogLevel::error, link->error());
            return false;
        }
        log_.write(LogLevel::info,
                   fmt::format("listening on {} (max frame {})", link->traits().name, link->traits().max_frame));
    }
    log_.write(LogLevel::info, fmt::format("broker {} (MQTT {})", settings_.broker_url,
                                           settings_.core.broker.client.version == mqtt::Version::v5     ? "5.0"
                                           : settings_.core.broker.client.version == mqtt::Version::v3_1 ? "3.1"
                                                                                                         : "3.1.1"));
    start_status_pages();
    return true;
}

// Devices do not depend on them: without its port the gateway goes on.
void Engine::start_status_pages() {
    if (settings_.http_listen.empty()) return;
    status_pages_ = std::make_unique<StatusPages>(
        io_, [this] { return snapshot(); }, [this] { return now(); });
    const std::string failure = status_pages_->start(settings_.http_listen);
    if (failure.empty()) {
        log_.write(LogLevel::info, fmt::format("status pages: {}/metrics", status_pages_->url()));
    } else {
        log_.write(LogLevel::warning, fmt::format("no status pages on {}", failure));
        status_pages_.reset();
    }
}

Snapshot Engine::snapshot() const {
    Snapshot snapshot{*gateway_, settings_.core.name, settings_.broker_url, {}, {}, {}, {}};
    for (std::size_t i = 0; i < links_.size(); ++i)
        snapshot.links.push_back(
            {links_[i]->traits().name, links_up_[i], links_[i]->counters(), links_[i]->more_counters()});
    if (store_) {
        snapshot.store = {store_->counters(), !store_failing_ && !store_->is_full(), gate_.waiting(),
                          gate_.frames_dropped()};
    }
    return snapshot;
}

bool Engine::open_store() {
    store_ = std::make_unique<Store>(settings_.store);
    const bool opened =
        store_->open() && store_->load([this](const RecordKey& key, Bytes image) { gateway_->restore(key, image); });
    for (const auto& warning : store_->warnings())
        log_.write(LogLevel::warning, warning);
    if (!opened) {
        log_.write(LogLevel::error, store_->error());
        return false;
    }
    store_->start(io_, {[this](CommitId up_to) {
                            gate_.committed(up_to, *this);
                            if (!store_failing_) gateway_->set_store_failing(store_->is_full());
                            schedule_flush();
                        },
                        [this](const std::string& what_to_fix) {
                            log_.write(LogLevel::error, what_to_fix);
                            set_store_failing(true);
                        },
                        [this] {
                            log_.write(LogLevel::info, "the store takes records again");
                            set_store_failing(false);
                        }});
    return true;
}

void Engine::set_store_failing(bool failing) {
    store_failing_ = failing;
    gateway_->set_store_failing(failing);
}

int Engine::run() {
    std::signal(SIGPIPE, SIG_IGN);
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGHUP})
        signals_.add(signal);
    wait_for_signals();
    gateway_->start(now(), out_);
    carry_out();
    service_.ready();
    io_.run();
    return 0;
}

TimePoint Engine::now() const noexcept {
    return TimePoint(std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

void Engine::on_frame(const FrameInfo& info, Bytes frame) {
    if (shutting_down_) return;
    gateway_->on_frame(info, frame, now(), out_);
    carry_out();
}

void Engine::on_batch_end() {
    if (!poll_.is_telling()) end_turn();  // else once for all that is ready
}

void Engine::on_link_state(LinkId link, bool up, const std::string& reason) {
    links_up_.at(link) = up;
    log_.write(up ? LogLevel::info : LogLevel::error,
               fmt::format("{} is {}: {}", links_.at(link)->traits().name, up ? "up" : "down", reason));
}

void Engine::on_departed(LinkId /*link*/, FrameToken token, Departure departure) {
    if (shutting_down_) return;
    gateway_->on_departed(token, departure, now(), out_);
    carry_out();
}

void Engine::on_link_limit(LinkId link, std::size_t octets) {
    gateway_->set_link_limit(link, octets);
    log_.write(LogLevel::info, fmt::format("{} carries messages of {} octets", links_.at(link)->traits().name, octets));
}

void Engine::on_link_note(LinkId link, transports::NoteLevel level, const std::string& text) {
    log_.write(static_cast<LogLevel>(level), fmt::format("{}: {}", links_.at(link)->traits().name, text));
}

void Engine::carry_out() {
    write_records();
    gate_.pass(out_, last_commit_, *this);
    if (!out_.log.empty()) {
        const auto time = std::chrono::steady_clock::now();
        for (const LogEntry& each : out_.log)
            log_.write(each, time);
    }
    out_.clear();
    if (poll_.is_telling()) return;  // end_turn() follows, once for all that is ready
    schedule_flush();
    rearm();
}

void Engine::write_records() {
    if (out_.store.empty()) return;
    store_->append(++last_commit_, out_.store, out_.octets);
    if (store_->is_full()) gateway_->set_store_failing(true);
}

void Engine::leave(const FrameOut& frame, Bytes octets) {
    auto& link = *links_.at(frame.to.link);
    if (frame.broadcast) {
        link.broadcast(frame.radius, octets);
    } else {
        link.send(frame.to.address, octets, frame.token);
    }
}

void Engine::leave(const UpstreamOut& action, Bytes octets) {
    if (action.action == UpstreamAction::open) return open_socket(action.id);
    const auto found = sockets_.find(action.id);
    if (found == sockets_.end()) return;
    if (action.action == UpstreamAction::send) {
        if (found->second->send(octets)) unflushed_.push_back(found->second);
        return;
    }
    if (action.action == UpstreamAction::close) {
        found->second->close();
    } else {
        found->second->abort();
    }
    sockets_.erase(found);
}

void Engine::overflowed(UpstreamId id) {
    const auto found = sockets_.find(id);
    if (found != sockets_.end()) {
        found->second->abort();
        sockets_.erase(found);
    }
    boost::asio::post(io_, [this, id] {
        if (shutting_down_) return;
        gateway_->on_upstream_closed(id, "too much waits for the disk", now(), out_);
        carry_out();
    });
}

void Engine::open_socket(UpstreamId id) {
    BrokerSocket::Handler handler{[this, id] {
                                      gateway_->on_upstream_open(id, now(), out_);
                                      carry_out();
                                  },
                                  [this, id](Bytes octets) {
                                      gateway_->on_upstream_data(id, octets, now(), out_);
                                      carry_out();
                                  },
                                  [this, id](const std::string& reason) {
                                      sockets_.erase(id);
                                      if (shutting_down_) return;
                                      gateway_->on_upstream_closed(id, reason, now(), out_);
                                      carry_out();
                                  }};
    auto socket = std::make_shared<BrokerSocket>(io_, poll_, settings_.broker, read_buffer_, std::move(handler));
    sockets_.emplace(id, socket);
    socket->open(resolver_);
}

void Engine::end_turn() {
    flush();
    rearm();
}

// One gathered write per socket and turn of the loop: whatever else is ready now adds to it first.
void Engine::schedule_flush() {
    if (flush_scheduled_) return;
    flush_scheduled_ = true;
    boost::asio::post(io_, [this] {
        flush_scheduled_ = false;
        flush();
    });
}

void Engine::flush() {
    for (auto& link : links_)
        link->flush();
    for (const auto& socket : unflushed_)
        socket->flush();
    unflushed_.clear();
}

void Engine::rearm() {
    const auto next = gateway_->next_timeout();
    if (shutting_down_ || !next) {
        timer_.cancel();
        armed_for_.reset();
        return;
    }
    // An alarm that comes too early costs one look; moving it with every frame would cost more.
    if (armed_for_ && *armed_for_ <= *next) return;
    armed_for_ = next;
    timer_.expires_at(std::chrono::steady_clock::time_point(next->time_since_epoch()));
    timer_.async_wait([this](boost::system::error_code error) {
        if (error) return;
        armed_for_.reset();
        gateway_->timeout(now(), out_);
        carry_out();
    });
}

void Engine::wait_for_signals() {
    signals_.async_wait([this](boost::system::error_code error, int signal) {
        if (!error) on_signal(signal);
    });
}

void Engine::on_signal(int signal) {
    if (signal == SIGUSR1) {
        log_counters();
        return wait_for_signals();
    }
    if (signal == SIGHUP) {
        reload();
        return wait_for_signals();
    }
    log_.write(LogLevel::info, fmt::format("ending in order ({})", signal == SIGTERM ? "SIGTERM" : "SIGINT"));
    shut_down();
}

// Sessions and their connections go on with what the new configuration says.
void Engine::reload() {
    if (!read_again_) return;
    service_.reloading();
    CommandLine read = read_again_();
    if (read.exit_code) {
        log_.write(LogLevel::error, fmt::format("the new configuration is refused and the old one stays:\n{}",
                                                read.output.substr(0, read.output.find_last_not_of('\n') + 1)));
    } else {
        const auto waiting = take_over(settings_, std::move(read.settings));
        gateway_->reconfigure({settings_.core.topics, settings_.core.limits});
        log_.reconfigure(settings_.log);
        log_.write(LogLevel::info, "the configuration is read again: topics, limits, log and certificates");
        if (!waiting.empty()) {
            log_.write(LogLevel::warning, fmt::format("takes effect at the next start: {}", fmt::join(waiting, ", ")));
        }
    }
    service_.ready();
}

// The loop runs dry when the last broker socket has said its DISCONNECT.
void Engine::shut_down() {
    shutting_down_ = true;
    if (status_pages_) status_pages_->stop();
    service_.stopping();
    signals_.clear();  // from here on a second signal ends the process by default
    gateway_->shutdown(now(), out_);
    carry_out();
    if (store_) {
        if (!store_->stop()) log_.write(LogLevel::error, store_->error());
        gate_.committed(last_commit_, *this);
    }
    flush();
    for (auto& link : links_)
        link->stop();
    log_counters();
    if (!resolver_.is_busy()) return;
    last_call_.expires_after(last_call);
    last_call_.async_wait([this](boost::system::error_code) { io_.stop(); });
}

std::string Engine::status() const {
    return fmt::format("{} clients known, broker {}{}", gateway_->session_count(), settings_.broker_url,
                       store_failing_ ? ", the store fails" : "");
}

void Engine::log_counters() {
    std::string line = fmt::format("{} clients known", gateway_->session_count());
    gateway_->counters().for_each([&](std::string_view name, std::string_view, std::uint64_t value) {
        if (value != 0) line += fmt::format(", {} {}", name, value);
    });
    log_.write(LogLevel::info, line);
    if (store_) {
        const StoreCounters c = store_->counters();
        log_.write(
            LogLevel::info,
            fmt::format("store: {} commits, {} records and {} octets written, {} pages, {} checkpoints, {} "
                        "failures, longest commit {} ms, {} sessions wait",
                        c.commits, c.records_written, c.octets_written, c.pages_written, c.checkpoints, c.failures,
                        std::chrono::duration_cast<std::chrono::milliseconds>(c.longest_commit).count(),
                        gate_.waiting()));
    }
    for (const auto& link : links_)
        log_.write(LogLevel::info, describe(*link));
    const auto signals = gateway_->signals();
    for (const std::string& each : summarize(signals, links_))
        log_.write(LogLevel::info, each);
    for (const std::string& each : describe(signals, most_signal_lines))
        log_.write(LogLevel::debug, each);
}

}  // namespace mqttsn::gateway
