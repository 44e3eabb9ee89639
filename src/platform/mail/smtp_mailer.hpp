#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "platform/mail/mailer.hpp"

namespace guildhall::mail {

/// Where and how mail is handed over.
struct SmtpOptions {
    /// smtp://[user:password@]host[:port] (with STARTTLS), or smtps:// (TLS from the start). User and password are
    /// percent-encoded. The default ports are those of a submission: 587 and 465. Empty: mails are files.
    std::string url;
    std::string from = "Guildhall <no-reply@guildhall.invalid>";
    bool is_tls_required = true;    // false: STARTTLS is not used, for a server on the same machine
    std::filesystem::path ca_file;  // PEM; empty: the system's authorities
    std::chrono::seconds deadline{30};
};

/// Throws std::invalid_argument when the options cannot work; its text does not quote the URL, which may contain a
/// password.
void check_smtp(const SmtpOptions& options);

/// Hands each message over to an SMTP server (RFC 5321), one at a time, each over a connection of its own. Certificates
/// are verified against the host's name.
std::unique_ptr<Mailer> make_smtp_mailer(SmtpOptions options);

}  // namespace guildhall::mail
