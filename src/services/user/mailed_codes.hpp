#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "services/user/post_office.hpp"
#include "services/user/recovery_store.hpp"

namespace guildhall::user {

/// Codes that prove that a person can read the mail of an address. A code is for one address and one purpose; the
/// caller says what else is needed to use it. Several requests that come shortly after each other share the code that
/// was mailed for the first one. So nobody floods a mailbox, and nobody keeps its owner from getting a code: while a
/// mail is held back, the code of the mail before still works. All limits are rows. Thread-safe.
class MailedCodes {
public:
    /// `ttl`: how long a code works.
    MailedCodes(RecoveryStore& store, PostOffice& post_office, const Clock& clock, std::chrono::seconds ttl);

    /// Writes a message with the code that it is given.
    using Compose = std::function<mail::Message(const std::string& code)>;

    /// Mails a new code to `email`, in the transaction of the request, unless one was mailed a short while ago: one
    /// minute, and after each further mail twice as long, up to two thirds of the life of a code. After an hour
    /// of silence, the pauses begin again with the first one.
    Task<void> mail(sql::Transaction& tx, std::string email, CodePurpose purpose, Compose compose);

    /// True when `typed` was mailed to `email` for this purpose. Then this code and the others of the address and
    /// purpose are used up, and the next one is mailed at once.
    Task<bool> redeem(sql::Transaction& tx, std::string email, CodePurpose purpose, std::string typed);

private:
    RecoveryStore& store_;
    PostOffice& post_office_;
    const Clock& clock_;
    const std::chrono::seconds ttl_;
};

/// What a client hears about a code that does not work, whatever the reason.
Error invalid_code();

}  // namespace guildhall::user
