#include "tools/commands/fleet.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

namespace mqttsn::tools {

namespace {

constexpr rlim_t other_descriptors = 64;  // standard streams, epoll, timers, libraries
constexpr auto poll_period = std::chrono::milliseconds(20);
constexpr double retry_jitter = 0.5;  // of nodes on a channel that they share

double seconds_of(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

Buffer node_id_of(std::uint32_t group, std::uint32_t index) {
    Buffer id;
    for (const std::uint32_t octet : {0xF0U, group, index >> 8U, index})
        id.push_back(static_cast<std::byte>(octet & 0xFFU));
    return id;
}

}  // namespace

Fleet::Fleet(boost::asio::io_context& io, Scenario scenario, node::ClientOptions client, FleetOutput output)
    : io_(io), scenario_(std::move(scenario)), client_(std::move(client)), output_(output), end_(io) {}

Fleet::~Fleet() = default;

std::size_t Fleet::connecting_nodes() const noexcept {
    std::size_t count = 0;
    for (const NodeGroup& each : scenario_.groups)
        count += each.profile == Profile::beacon ? 0 : each.count;
    return count;
}

std::optional<std::string> Fleet::allow_sockets() const {
    const rlim_t needed = scenario_.sockets() + other_descriptors;
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= needed) return std::nullopt;
    const rlim_t allowed = limit.rlim_max;
    limit.rlim_cur = std::min(needed, allowed);
    setrlimit(RLIMIT_NOFILE, &limit);
    if (allowed >= needed) return std::nullopt;
    return fmt::format(
        "{} sockets need {} open files, but this process may have {}: raise the hard limit (ulimit -Hn, "
        "/etc/security/limits.conf), or put nodes behind forwarders, which need one socket each",
        scenario_.sockets(), needed, allowed);
}

std::optional<std::string> Fleet::start(const boost::asio::ip::udp::endpoint& gateway) {
    if (auto error = allow_sockets()) return error;
    for (std::uint32_t group = 0; group < scenario_.groups.size(); ++group) {
        if (auto error = open_group(group, gateway)) return error;
    }
    begin();
    return std::nullopt;
}

std::optional<std::string> Fleet::start(DongleLink& dongle) {
    dongle::NodeNumber number = 0;
    if (auto error = dongle.start(static_cast<dongle::NodeNumber>(scenario_.nodes()))) return error;
    client_.max_frame = dongle.max_frame();
    client_.retry_jitter = retry_jitter;
    for (std::uint32_t group = 0; group < scenario_.groups.size(); ++group) {
        for (std::uint32_t index = 1; index <= scenario_.groups[group].count; ++index) {
            SimNode& node = add_node(group, index);
            ++number;
            node.attach(dongle, {static_cast<std::byte>(number >> 8U), static_cast<std::byte>(number & 0xFFU)});
            node.seal_payloads();
        }
    }
    begin();
    return std::nullopt;
}

void Fleet::begin() {
    started_ = NodeLink::now();
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const double after_s = static_cast<double>(i) / scenario_.connects_per_second;
        nodes_[i]->start(started_ + Duration(static_cast<Duration::rep>(after_s * 1e6)));
    }
}

SimNode& Fleet::add_node(std::uint32_t group, std::uint32_t index) {
    client_.seed = node::random_of(scenario_.seed + 4, group, index)();
    nodes_.push_back(std::make_unique<SimNode>(io_, scenario_, group, index, client_, output_, totals_));
    if (scenario_.impairment.is_any()) {
        nodes_.back()->impair(scenario_.impairment, node::random_of(scenario_.seed + 2, group, index)());
    }
    if (!scenario_.faults.faults.empty()) {
        nodes_.back()->misbehave(scenario_.faults, node::random_of(scenario_.seed + 3, group, index)());
    }
    return *nodes_.back();
}

std::optional<std::string> Fleet::open_group(std::uint32_t group, const boost::asio::ip::udp::endpoint& gateway) {
    const NodeGroup& of = scenario_.groups[group];
    const auto failed = [](boost::system::error_code error) {
        return fmt::format("cannot open a UDP socket: {}", error.message());
    };
    const std::size_t first_forwarder = forwarders_.size();
    for (std::size_t i = 0; i < of.forwarders; ++i) {
        forwarders_.push_back(std::make_unique<ForwarderLink>(io_));
        if (const auto opened = forwarders_.back()->open(gateway); !opened) return failed(opened.error());
    }
    for (std::uint32_t index = 1; index <= of.count; ++index) {
        SimNode& node = add_node(group, index);
        if (of.forwarders != 0) {
            node.attach(*forwarders_[first_forwarder + index % of.forwarders], node_id_of(group, index));
        } else if (const auto opened = node.open(gateway); !opened) {
            return failed(opened.error());
        }
    }
    return std::nullopt;
}

Duration Fleet::patience() const noexcept {
    return std::chrono::round<Duration>(client_.retry * (1 + client_.retry_jitter) * (client_.retries + 1));
}

void Fleet::stop(std::function<void()> on_end) {
    on_end_ = std::move(on_end);
    if (stopping_) return end();
    stopping_ = true;
    for (auto& node : nodes_)
        node->quiesce();
    give_up_at_ = NodeLink::now() + patience();
    poll_end();
}

// First what is on its way, then DISCONNECT at the pace of the connects; each within the protocol's patience.
void Fleet::poll_end() {
    if (!disconnecting_) {
        const bool is_late = NodeLink::now() >= give_up_at_;
        const auto is_idle = [](const auto& node) { return node->is_idle() && node->open_echoes() == 0; };
        if (is_late || std::ranges::all_of(nodes_, is_idle)) {
            disconnecting_ = true;
            for (const auto& node : nodes_) {
                lost_.push_back(node->open_messages());
                echoes_lost_.push_back(node->open_echoes());
            }
        }
    }
    if (disconnecting_) {
        disconnect_some();
        const bool are_told = disconnected_ == nodes_.size();
        const bool is_late = NodeLink::now() >= give_up_at_;
        const auto is_gone = [](const auto& node) { return node->is_disconnected(); };
        if (are_told && (is_late || std::ranges::all_of(nodes_, is_gone))) return end();
    }
    end_.expires_after(poll_period);
    end_.async_wait([this](boost::system::error_code error) {
        if (!error) poll_end();
    });
}

void Fleet::disconnect_some() {
    if (disconnected_ == nodes_.size()) return;
    const double per_poll = scenario_.connects_per_second * std::chrono::duration<double>(poll_period).count();
    const std::size_t some = std::max<std::size_t>(1, static_cast<std::size_t>(per_poll));
    const std::size_t end = std::min(nodes_.size(), disconnected_ + some);
    while (disconnected_ < end)
        nodes_[disconnected_++]->disconnect();
    give_up_at_ = NodeLink::now() + patience();
}

void Fleet::end() {
    end_.cancel();
    on_end_();
}

FleetReport Fleet::report() const {
    FleetReport report;
    for (const node::Fault* each : scenario_.faults.faults)
        report.faults.emplace_back(each->name, 0);
    report.nodes = nodes_.size();
    report.elapsed = NodeLink::now() - started_;
    report.totals = totals_;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const auto& counters = nodes_[i]->counters();
        report.connected += nodes_[i]->is_connected() ? 1U : 0U;
        report.lost += disconnecting_ ? lost_[i] : nodes_[i]->open_messages();
        report.echoes_lost += disconnecting_ ? echoes_lost_[i] : nodes_[i]->open_echoes();
        report.retransmitted += counters.retransmissions;
        report.frames_up += counters.frames_sent;
        report.frames_down += counters.frames_received;
        report.octets_up += counters.octets_sent;
        report.octets_down += counters.octets_received;
        if (const auto* impaired = nodes_[i]->impaired()) {
            if (!report.impaired) report.impaired.emplace();
            *report.impaired += *impaired;
        }
        const auto* misbehaviour = nodes_[i]->misbehaviour();
        for (std::size_t fault = 0; misbehaviour != nullptr && fault < report.faults.size(); ++fault)
            report.faults[fault].second += misbehaviour->counts()[fault];
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    report.cpu_s = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
    report.rss_kib = static_cast<std::uint64_t>(usage.ru_maxrss);
    return report;
}

std::vector<NodeReport> Fleet::node_reports() const {
    std::vector<NodeReport> reports;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
        const SimNode& node = *nodes_[i];
        const NodeTotals& totals = node.totals();
        const auto acknowledged = static_cast<Duration::rep>(std::max<std::uint64_t>(1, totals.acknowledged));
        reports.push_back({node.client_id(), totals.sent, totals.acknowledged,
                           disconnecting_ ? lost_[i] : node.open_messages(), node.counters().retransmissions,
                           totals.latency_sum / acknowledged, totals.latency_max, totals.echo_latency_max});
    }
    return reports;
}

}  // namespace mqttsn::tools
