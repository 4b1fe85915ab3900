// TLS to the broker as a filter of octets: no socket, no clock. The only place of the gateway that knows OpenSSL.
#pragma once

#include "protocol/types.hpp"

#include <memory>
#include <string>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;
struct bio_st;

namespace mqttsn::gateway {

enum class TlsVersion : std::uint8_t { v1_2, v1_3 };

struct TlsSettings {
    std::string ca_file;      ///< PEM; with ca_path empty too: what the system trusts
    std::string ca_path;      ///< directory of hashed PEM files
    std::string certificate;  ///< of the gateway, PEM with its chain; empty = none
    std::string key;          ///< PEM, not encrypted
    bool verify = true;       ///< the broker's certificate and its host name
    std::string server_name;  ///< for SNI and verification; empty = the host of the URL
    TlsVersion minimum_version = TlsVersion::v1_2;
    std::vector<std::string> alpn;
};

/// Certificates and rules for all connections. A connection keeps the context that it was opened with.
class TlsContext {
public:
    /// Null on failure; `error` says then which key or file is wrong and why.
    static std::shared_ptr<const TlsContext> make(const TlsSettings& settings, std::string& error);
    ~TlsContext();
    TlsContext(const TlsContext&) = delete;
    TlsContext& operator=(const TlsContext&) = delete;

private:
    friend class TlsSession;
    explicit TlsContext(const TlsSettings& settings) : settings_(settings) {}
    bool load(std::string& error);

    TlsSettings settings_;
    ssl_ctx_st* context_ = nullptr;
};

/// One connection. Whatever it appends to `wire` goes to the broker, in order.
class TlsSession {
public:
    /// `host`: of the URL, a name or an address; what the certificate is checked against unless server_name is set.
    TlsSession(std::shared_ptr<const TlsContext> context, const std::string& host);
    ~TlsSession();
    TlsSession(const TlsSession&) = delete;
    TlsSession& operator=(const TlsSession&) = delete;

    /// The first message of the handshake.
    void start(Buffer& wire);
    /// Octets from the broker, in any split; what they mean is appended to `plain`. False: the connection has to end,
    /// see error(), which is empty after an orderly end.
    bool receive(Bytes octets, Buffer& plain, Buffer& wire);
    bool is_established() const noexcept { return established_; }
    /// Only once established.
    void send(Bytes plain, Buffer& wire);
    /// Tells the broker that nothing more comes.
    void close(Buffer& wire);
    const std::string& error() const noexcept { return error_; }

private:
    void take_output(Buffer& wire);
    bool handshake();
    bool read(Buffer& plain);
    void fail(int result);

    std::shared_ptr<const TlsContext> context_;
    ssl_st* ssl_ = nullptr;
    bio_st* from_broker_ = nullptr;  ///< both owned by ssl_
    bio_st* to_broker_ = nullptr;
    bool established_ = false;
    std::string error_;
};

}  // namespace mqttsn::gateway
