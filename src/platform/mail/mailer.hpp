#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "platform/async/task.hpp"
#include "platform/base/result.hpp"

namespace guildhall::mail {

/// A plain-text message to one address.
struct Message {
    std::string to;
    std::string subject;
    std::string text;
};

/// Sends e-mail. Thread-safe.
class Mailer {
public:
    virtual ~Mailer() = default;
    /// Returns when the message is stored durably, here or by the mail server. Errors: unavailable when the server puts
    /// this message off; unprocessable when it will never take it. Throws Unavailable when the server is unavailable,
    /// or refuses this client.
    virtual Task<Result<void>> send(Message message) = 0;

    /// True when messages can be sent; for readiness.
    virtual Task<bool> is_up() = 0;

    /// The process drains: what is being sent fails as if the server were unavailable.
    virtual void stop() {}
};

/// Writes each message as an .eml file (RFC 5322) into `folder`, atomically, with a name that sorts by time. `from`:
/// "name@host" or "Name <name@host>".
std::unique_ptr<Mailer> make_file_mailer(std::filesystem::path folder, std::string from);

}  // namespace guildhall::mail
