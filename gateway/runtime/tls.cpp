#include "gateway/runtime/tls.hpp"

#include "gateway/runtime/regular_file.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cassert>
#include <cstring>

namespace mqttsn::gateway {

namespace {

// The last thing that went wrong, in OpenSSL's words.
std::string last_reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    std::string text = reason != nullptr ? reason : "unknown error";
    if (ERR_GET_LIB(code) == ERR_LIB_SYS) text = std::strerror(static_cast<int>(ERR_GET_REASON(code)));
    ERR_clear_error();
    return text;
}

// Each name with its length before it (RFC 7301).
Buffer alpn_list(const std::vector<std::string>& names) {
    Buffer list;
    for (const auto& each : names) {
        list.push_back(static_cast<std::byte>(each.size()));
        const Bytes octets = as_bytes(each);
        list.insert(list.end(), octets.begin(), octets.end());
    }
    return list;
}

bool is_address(const std::string& host) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
    ASN1_OCTET_STRING_free(address);
    ERR_clear_error();
    return address != nullptr;
}

std::string remedy(long verify_result) {
    switch (verify_result) {
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "; use a name of the certificate in [broker] url, or set [broker] server_name";
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "; renew it on the broker, or set the clock of this machine";
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "; set the clock of this machine";
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return "; set [broker] ca_file to the certificate of the authority that signed it";
        default:
            return {};
    }
}

}  // namespace

std::shared_ptr<const TlsContext> TlsContext::make(const TlsSettings& settings, std::string& error) {
    const std::shared_ptr<TlsContext> context(new TlsContext(settings));
    if (!context->load(error)) return nullptr;
    return context;
}

TlsContext::~TlsContext() {
    SSL_CTX_free(context_);
}

bool TlsContext::load(std::string& error) {
    context_ = SSL_CTX_new(TLS_client_method());
    const auto wrong = [&](const char* key, const std::string& value) {
        error = fmt::format("[broker] {} = \"{}\": {}", key, value, last_reason());
        return false;
    };
    const std::pair<const char*, const std::string*> files[] = {
        {"ca_file", &settings_.ca_file}, {"certificate", &settings_.certificate}, {"key", &settings_.key}};
    for (const auto& [name, path] : files) {
        const std::string why = path->empty() ? "" : why_unreadable(*path);
        if (why.empty()) continue;
        error = fmt::format("[broker] {} = \"{}\" cannot be read: {}", name, *path, why);
        return false;
    }
    SSL_CTX_set_min_proto_version(context_,
                                  settings_.minimum_version == TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
    SSL_CTX_set_verify(context_, settings_.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
    const bool is_system = settings_.ca_file.empty() && settings_.ca_path.empty();
    if (is_system) SSL_CTX_set_default_verify_paths(context_);
    if (!settings_.ca_file.empty() && SSL_CTX_load_verify_file(context_, settings_.ca_file.c_str()) != 1) {
        return wrong("ca_file", settings_.ca_file);
    }
    if (!settings_.ca_path.empty() && SSL_CTX_load_verify_dir(context_, settings_.ca_path.c_str()) != 1) {
        return wrong("ca_path", settings_.ca_path);
    }
    const auto& certificate = settings_.certificate;
    if (!certificate.empty() && SSL_CTX_use_certificate_chain_file(context_, certificate.c_str()) != 1) {
        return wrong("certificate", certificate);
    }
    const auto& key = settings_.key.empty() ? certificate : settings_.key;
    if (!key.empty() && SSL_CTX_use_PrivateKey_file(context_, key.c_str(), SSL_FILETYPE_PEM) != 1) {
        return wrong("key", key);
    }
    const Buffer alpn = alpn_list(settings_.alpn);
    if (!alpn.empty() && SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(alpn.data()),
                                                 static_cast<unsigned>(alpn.size())) != 0) {
        return wrong("alpn", settings_.alpn.front());
    }
    ERR_clear_error();
    return true;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, const std::string& host)
    : context_(std::move(context)),
      ssl_(SSL_new(context_->context_)),
      from_broker_(BIO_new(BIO_s_mem())),
      to_broker_(BIO_new(BIO_s_mem())) {
    const TlsSettings& settings = context_->settings_;
    const std::string& name = settings.server_name.empty() ? host : settings.server_name;
    SSL_set_bio(ssl_, from_broker_, to_broker_);
    SSL_set_connect_state(ssl_);
    if (is_address(name)) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name.c_str());
    } else {
        SSL_set_tlsext_host_name(ssl_, name.c_str());
        SSL_set1_host(ssl_, name.c_str());
    }
}

TlsSession::~TlsSession() {
    SSL_free(ssl_);
}

void TlsSession::start(Buffer& wire) {
    handshake();
    take_output(wire);
}

bool TlsSession::receive(Bytes octets, Buffer& plain, Buffer& wire) {
    BIO_write(from_broker_, octets.data(), static_cast<int>(octets.size()));
    const bool goes_on = (established_ || handshake()) && (!established_ || read(plain));
    take_output(wire);
    return goes_on;
}

bool TlsSession::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_);
    if (result == 1) {
        established_ = true;
        return true;
    }
    if (SSL_get_error(ssl_, result) == SSL_ERROR_WANT_READ) return true;
    fail(result);
    return false;
}

bool TlsSession::read(Buffer& plain) {
    std::array<std::byte, 16384> record;  // the most that one holds
    while (true) {
        ERR_clear_error();
        const int size = SSL_read(ssl_, record.data(), static_cast<int>(record.size()));
        if (size <= 0) {
            const int why = SSL_get_error(ssl_, size);
            if (why == SSL_ERROR_WANT_READ) return true;
            if (why != SSL_ERROR_ZERO_RETURN) fail(size);
            return false;
        }
        plain.insert(plain.end(), record.begin(), record.begin() + size);
    }
}

void TlsSession::send(Bytes plain, Buffer& wire) {
    assert(established_);
    for (std::size_t at = 0; at < plain.size();) {
        const int size = SSL_write(ssl_, plain.data() + at, static_cast<int>(plain.size() - at));
        if (size <= 0) break;  // the memory takes everything; after a fatal error reading tells of it
        at += static_cast<std::size_t>(size);
    }
    take_output(wire);
}

void TlsSession::close(Buffer& wire) {
    if (established_) SSL_shutdown(ssl_);
    ERR_clear_error();
    take_output(wire);
}

void TlsSession::take_output(Buffer& wire) {
    char* octets = nullptr;
    const long size = BIO_get_mem_data(to_broker_, &octets);
    if (size > 0) {
        const auto* begin = reinterpret_cast<const std::byte*>(octets);
        wire.insert(wire.end(), begin, begin + size);
    }
    BIO_reset(to_broker_);
}

void TlsSession::fail(int result) {
    const long verified = SSL_get_verify_result(ssl_);
    if (!established_ && context_->settings_.verify && verified != X509_V_OK) {
        error_ = fmt::format("TLS: the broker's certificate is refused: {}{}", X509_verify_cert_error_string(verified),
                             remedy(verified));
        ERR_clear_error();
        return;
    }
    const bool is_syscall = SSL_get_error(ssl_, result) == SSL_ERROR_SYSCALL && ERR_peek_error() == 0;
    error_ = fmt::format("TLS: {}", is_syscall ? "the connection broke" : last_reason());
}

}  // namespace mqttsn::gateway
