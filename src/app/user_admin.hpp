#pragma once

#include <iosfwd>
#include <string>

#include "app/config/config.hpp"

namespace guildhall::app {

// The commands of `guildhall user` and `guildhall mail`. They work beside processes that serve, or without. `account`
// is an e-mail address, a handle or an id. All throw std::runtime_error when there is no such account or no user
// database, and Unavailable.

/// Prints all accounts, a JSON object a line.
void list_users(const Config& config, std::ostream& out);

/// Sets a random password, ends all sessions, and prints the password.
void reset_user_password(const Config& config, const std::string& account, std::ostream& out);

/// Disables the account and ends its sessions, or enables it.
void set_user_disabled(const Config& config, const std::string& account, bool is_disabled, std::ostream& out);

/// Prints the mails that were not delivered, a JSON object a line.
void list_dead_mails(const Config& config, std::ostream& out);

}  // namespace guildhall::app
