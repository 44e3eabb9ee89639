#include "services/user/password_check.hpp"

#include <exception>
#include <utility>

#include "platform/base/text.hpp"

namespace guildhall::user {

Task<bool> check_password(PasswordHasher& hasher, Throttle& throttle, std::string password,
                          std::optional<std::string> phc, Throttle::Attempt attempt) {
    std::exception_ptr failure;
    bool is_match = false;
    try {
        is_match = co_await hasher.verify(to_nfc(std::move(password)), std::move(phc));
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        co_await throttle.undo(std::move(attempt));
        std::rethrow_exception(failure);
    }
    if (is_match) {
        co_await throttle.clear(std::move(attempt));
    } else {
        co_await throttle.keep(std::move(attempt));
    }
    co_return is_match;
}

}  // namespace guildhall::user
