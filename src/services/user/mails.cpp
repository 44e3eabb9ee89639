#include "services/user/mails.hpp"

namespace guildhall::user {
namespace {

std::string code_block(const std::string& code, std::chrono::seconds ttl) {
    return "Code: " + code + "\n\nIt works once, for " + std::to_string(ttl.count() / 60) + " minutes. ";
}

}  // namespace

mail::Message mail_of_registration(const std::string& email, const std::string& code, std::chrono::seconds ttl) {
    return {email, "Your code for Guildhall",
            "Somebody, probably you, asked for an account at Guildhall with this address.\n"
            "Enter this code where you asked for it; it works nowhere else:\n\n" +
                code_block(code, ttl) +
                "Give it to nobody: if you did not ask for it, a stranger did, and could open the\n"
                "account with a password of theirs. In that case ignore this mail: nothing happens\n"
                "without the code.\n"};
}

mail::Message mail_of_known_address(const std::string& email) {
    return {email, "You already have an account at Guildhall",
            "Somebody, probably you, asked for an account at Guildhall with this address.\n"
            "There is one already: sign in with your password, or choose a new one if you have forgotten it.\n\n"
            "If it was not you, ignore this mail: nothing has changed.\n"};
}

mail::Message mail_of_reset(const std::string& email, const std::string& code, std::chrono::seconds ttl) {
    return {email, "Choose a new password for Guildhall",
            "Somebody, probably you, forgot the password of your account at Guildhall.\n"
            "Enter this code where you asked for it; it works nowhere else:\n\n" +
                code_block(code, ttl) +
                "Give it to nobody: if you did not ask for it, a stranger did, and could take over\n"
                "your account. In that case ignore this mail: nothing happens without the code.\n"};
}

mail::Message mail_of_unknown_address(const std::string& email) {
    return {email, "You have no account at Guildhall",
            "Somebody, probably you, asked for a new password of an account at Guildhall with this address.\n"
            "There is none: you may have used another address.\n\n"
            "If it was not you, ignore this mail.\n"};
}

mail::Message mail_of_email_change(const std::string& email, const std::string& code, std::chrono::seconds ttl) {
    return {email, "Confirm your new address for Guildhall",
            "A member of Guildhall, probably you, wants to sign in with this address from now on.\n"
            "Enter this code where you asked for it; it works nowhere else:\n\n" +
                code_block(code, ttl) + "Give it to nobody. If it was not you, ignore this mail.\n"};
}

mail::Message mail_of_taken_address(const std::string& email) {
    return {email, "This address already has an account at Guildhall",
            "A member of Guildhall, probably you, wants to sign in with this address from now on.\n"
            "It belongs to another account already, so it cannot be used for a second one.\n\n"
            "If it was not you, ignore this mail: nothing has changed.\n"};
}

mail::Message mail_of_changed_password(const std::string& email) {
    return {email, "Your password for Guildhall was changed",
            "The password of your account at Guildhall was changed, and its other sessions were ended.\n\n"
            "If it was not you, ask for a new password at once.\n"};
}

mail::Message mail_of_asked_email_change(const std::string& email) {
    return {email, "A new address was asked for your account at Guildhall",
            "Somebody who is signed in to your account at Guildhall, probably you, wants to replace this address.\n"
            "It is replaced when the new address is confirmed.\n\n"
            "If it was not you, change your password at once: that also stops the change of the address.\n"};
}

mail::Message mail_of_changed_email(const std::string& email) {
    return {email, "Your account at Guildhall has a new address",
            "You now sign in to your account at Guildhall with another address. This one is free again.\n\n"
            "If it was not you, tell the operator of this network.\n"};
}

}  // namespace guildhall::user
