#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "platform/async/task.hpp"

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
    /// Returns when the message is stored durably. Throws Unavailable.
    virtual Task<void> send(Message message) = 0;
};

/// Writes each message as an .eml file (RFC 5322) into `folder`, atomically, with a name that sorts by time.
std::unique_ptr<Mailer> make_file_mailer(std::filesystem::path folder);

}  // namespace guildhall::mail
