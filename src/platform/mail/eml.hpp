#pragma once

#include <string>
#include <string_view>

#include "platform/base/clock.hpp"
#include "platform/mail/mailer.hpp"

namespace guildhall::mail {

/// The address in `sender`, which is "name@host" or "Name <name@host>".
std::string address_of(std::string_view sender);

/// The message as it is sent (RFC 5322). `from` is a sender as above; `id` is unique among its messages.
std::string to_eml(const Message& message, std::string_view from, Time now, std::string_view id);

}  // namespace guildhall::mail
