#pragma once

#include <chrono>

#include "platform/mail/mailer.hpp"
#include "platform/service/base.hpp"
#include "services/user/user_store.hpp"

namespace guildhall::user {

/// Mail that must not be lost: written in the transaction that wants it, sent after the commit, and again later when
/// that fails. At least once, until it expires. Thread-safe; any number of replicas may send.
class PostOffice {
public:
    PostOffice(const service::Base& base, UserStore& store, mail::Mailer& mailer);

    /// A mail that is worth sending for `lifetime`. The caller writes it (write) and then sends it (send_now).
    StoredMail address(mail::Message message, std::chrono::seconds lifetime);

    /// Keeps the mail until it is sent; in the transaction of what it tells.
    Task<void> write(sql::Transaction& tx, StoredMail mail);

    /// Sends a mail that was just written. A failure is logged, not thrown: the mail stays for send_due().
    Task<void> send_now(StoredMail mail);

    /// Sends what is due. Throws Unavailable when the database is unavailable, not when the mailer is.
    Task<void> send_due();

private:
    Task<bool> deliver(const StoredMail& mail);
    Task<void> remove(MailId mail);

    sql::Database& database_;
    UserStore& store_;
    mail::Mailer& mailer_;
    const Clock& clock_;
    IdGenerator& ids_;
};

}  // namespace guildhall::user
