#pragma once

#include <chrono>
#include <string>

#include "platform/mail/mailer.hpp"

// The texts of all mails. None of them quotes what somebody typed: anybody can name any address.

namespace guildhall::user {

/// For a person who asks for an account. The code works for `ttl`.
mail::Message mail_of_registration(const std::string& email, const std::string& code, std::chrono::seconds ttl);
/// Instead of it, when the address has an account.
mail::Message mail_of_known_address(const std::string& email);

/// For a member who has forgotten the password.
mail::Message mail_of_reset(const std::string& email, const std::string& code, std::chrono::seconds ttl);
/// Instead of it, when the address has no account.
mail::Message mail_of_unknown_address(const std::string& email);

/// To the new address of a member who changes it.
mail::Message mail_of_email_change(const std::string& email, const std::string& code, std::chrono::seconds ttl);
/// Instead of it, when the address belongs to another account.
mail::Message mail_of_taken_address(const std::string& email);

/// To the member, after the password was changed.
mail::Message mail_of_changed_password(const std::string& email);
/// To the present address, when a change of it was asked for.
mail::Message mail_of_asked_email_change(const std::string& email);
/// To the former address, after the change.
mail::Message mail_of_changed_email(const std::string& email);

}  // namespace guildhall::user
