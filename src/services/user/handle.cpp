#include "services/user/handle.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "platform/base/text.hpp"
#include "platform/json/constraints.hpp"

namespace guildhall::user {
namespace {

constexpr std::size_t kMaxFromName = 20;

// Sorted.
constexpr auto kReserved = std::to_array<std::string_view>({
    "about",     "account",     "accounts",    "admin",     "administrator", "analytics", "api",      "assets",
    "auth",      "billing",     "blocks",      "blog",      "by-handle",     "chat",      "comments", "companies",
    "company",   "connections", "contact",     "docs",      "download",      "events",    "feed",     "guildhall",
    "hashtags",  "help",        "home",        "instance",  "invitations",   "jobs",      "legal",    "livez",
    "login",     "logout",      "mail",        "media",     "members",       "messages",  "metrics",  "mod",
    "moderator", "mutes",       "news",        "nobody",    "notifications", "null",      "official", "openapi",
    "password",  "post",        "posts",       "privacy",   "profile",       "readyz",    "register", "relationships",
    "root",      "search",      "security",    "settings",  "signin",        "signup",    "startupz", "static",
    "status",    "stream",      "suggestions", "support",   "system",        "team",      "terms",    "undefined",
    "uploads",   "user",        "users",       "webmaster", "well-known",    "www",
});
static_assert(std::ranges::is_sorted(kReserved));

std::uint64_t random_number() {
    const std::string bytes = random_bytes(sizeof(std::uint64_t));
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    return number;
}

}  // namespace

bool is_reserved(std::string_view handle) {
    // "me" is shorter than any handle may be, but an import may not know that.
    return handle == "me" || std::ranges::binary_search(kReserved, handle);
}

std::string handle_from_name(std::string_view name) {
    std::string handle;
    for (const char c : fold(name)) {
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) {
            handle += c;
        } else if (!handle.empty() && handle.back() != '-' && static_cast<unsigned char>(c) < 0x80) {
            handle += '-';
        }
        if (handle.size() == kMaxFromName) break;
    }
    while (handle.ends_with('-')) handle.pop_back();
    if (handle.size() < json::Handle::kMin) return "member";
    return is_reserved(handle) ? handle + "-member" : handle;
}

std::string numbered_handle(std::string_view handle, int attempt) {
    // Digits grow, so that a thousand of one name still find a free one within a few tries.
    const std::size_t digits = std::min<std::size_t>(2 + 2 * static_cast<std::size_t>(attempt), 12);
    std::string number;
    for (std::uint64_t rest = random_number(); number.size() < digits; rest /= 10)
        number += static_cast<char>('0' + rest % 10);
    std::string base(handle.substr(0, json::Handle::kMax - 1 - digits));
    while (base.ends_with('-')) base.pop_back();
    return base + "-" + number;
}

}  // namespace guildhall::user
