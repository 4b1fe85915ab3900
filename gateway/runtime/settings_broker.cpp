#include "gateway/runtime/settings_broker.hpp"

#include "gateway/runtime/regular_file.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <optional>

namespace mqttsn::gateway {

namespace {

using Report = std::function<void(std::string)>;

// A password has no place in a log.
std::string without_user(std::string url) {
    const auto at = url.rfind('@');
    const auto scheme = url.find("://");
    if (at == std::string::npos) return url;
    const std::size_t begin = scheme < at ? scheme + 3 : 0;
    return url.replace(begin, at - begin, "...");
}

// Returns whether the URL asks for TLS.
bool read_url(Settings& settings, const Report& error) {
    std::string_view rest = settings.broker_url;
    const bool is_tls = rest.starts_with("mqtts://");
    const auto wrong = [&](std::string_view why) {
        error(fmt::format("[broker] url = \"{}\": {}; expected mqtt://host, mqtt://host:port, or mqtts:// for TLS",
                          without_user(settings.broker_url), why));
        return is_tls;
    };
    if (rest.starts_with("ws")) return wrong("WebSocket is not supported yet");
    if (!is_tls && !rest.starts_with("mqtt://")) return wrong("unknown scheme");
    rest.remove_prefix(is_tls ? 8 : 7);
    if (rest.ends_with('/')) rest.remove_suffix(1);
    if (rest.find('@') != std::string_view::npos) return wrong("put user name and password into their own keys");
    const std::size_t end_of_v6 = rest.starts_with('[') ? rest.find(']') : 0;
    const auto colon = end_of_v6 == std::string_view::npos ? end_of_v6 : rest.find(':', end_of_v6);
    std::string_view host = rest.substr(0, colon);
    const std::string_view standard = is_tls ? "8883" : "1883";
    const std::string_view port = colon == std::string_view::npos ? standard : rest.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) return wrong("write an IPv6 address in brackets");
    if (host.starts_with('[')) {
        if (!host.ends_with(']')) return wrong("an IPv6 address ends with ] and may be followed by :port");
        host = host.substr(1, host.size() - 2);
    }
    std::uint16_t number = 0;
    const auto [end, failure] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (host.empty() || host.find('/') != std::string_view::npos) return wrong("no host name");
    if (failure != std::errc() || end != port.data() + port.size() || number == 0) return wrong("not a port");
    settings.broker.host = host;
    settings.broker.port = port;
    return is_tls;
}

std::optional<std::string> first_line(const std::string& path) {
    std::ifstream file(path);
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    if (line.ends_with('\r')) line.pop_back();
    return line;
}

void read_secret_file(const char* key, const std::string& path, std::string& secret, const Report& error) {
    if (path.empty()) return;
    const std::string why = why_unreadable(path);
    if (!why.empty()) return error(fmt::format("[broker] {} = \"{}\" cannot be read: {}", key, path, why));
    if (const auto line = first_line(path)) {
        secret = *line;
    } else {
        error(fmt::format("[broker] {} = \"{}\" is empty", key, path));
    }
}

void read_credentials(Settings& settings, const Report& error) {
    BrokerConfig& broker = settings.core.broker;
    const auto given = [](const std::string& text) { return text.empty() ? 0 : 1; };
    if (given(broker.password) + given(settings.password_file) + given(settings.password_env) +
            given(settings.password_credential) >
        1) {
        return error("[broker] password, password_file, password_env and password_credential: give only one of them");
    }
    read_secret_file("username_file", settings.username_file, broker.username, error);
    read_secret_file("password_file", settings.password_file, broker.password, error);
    if (!settings.password_env.empty()) {
        const char* value = std::getenv(settings.password_env.c_str());
        if (value == nullptr) {
            error(fmt::format("[broker] password_env = \"{}\": there is no such environment variable",
                              settings.password_env));
        } else {
            broker.password = value;
        }
    }
    if (!settings.password_credential.empty()) {
        const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
        if (directory == nullptr) {
            error(fmt::format("[broker] password_credential = \"{}\": not started by systemd with LoadCredential={}:…",
                              settings.password_credential, settings.password_credential));
        } else {
            const std::string path = fmt::format("{}/{}", directory, settings.password_credential);
            read_secret_file("password_credential", path, broker.password, error);
        }
    }
}

}  // namespace

void complete_broker(Settings& settings, const Report& error) {
    const bool is_tls = read_url(settings, error);
    read_credentials(settings, error);
    for (const auto& name : settings.tls.alpn) {
        if (name.empty() || name.size() > 255) error(fmt::format("[broker] alpn: \"{}\": 1 to 255 octets", name));
    }
    if (!is_tls) return;
    std::string what;
    settings.broker.tls = TlsContext::make(settings.tls, what);
    if (!settings.broker.tls) error(what);
}

}  // namespace mqttsn::gateway
