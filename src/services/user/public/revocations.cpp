#include "services/user/public/revocations.hpp"

#include <algorithm>
#include <memory>
#include <mutex>
#include <utility>

namespace guildhall::user {
namespace {

// Rows of other replicas appear this late at most: their clocks differ, and a row is seen only when its transaction has
// committed.
constexpr std::chrono::seconds kOverlap{60};

std::size_t bit_of(SessionId session) {
    return (static_cast<std::uint64_t>(session.value) * 0x9E3779B97F4A7C15ULL) >> 48;
}

}  // namespace

SessionRevocations::SessionRevocations(Source source, const Clock& clock, std::chrono::seconds memory)
    : source_(std::move(source)), clock_(clock), memory_(memory) {}

bool SessionRevocations::is_revoked(const http::AccessClaims& claims) const {
    const std::size_t bit = bit_of(claims.session);
    if (!(filter_[bit / 64].load(std::memory_order_acquire) >> (bit % 64) & 1)) return false;
    std::shared_lock lock(mutex_);
    return revoked_.contains(claims.session);
}

void SessionRevocations::set_bit(SessionId session) {
    const std::size_t bit = bit_of(session);
    filter_[bit / 64].fetch_or(std::uint64_t{1} << (bit % 64), std::memory_order_release);
}

void SessionRevocations::add(SessionId session, Time revoked_at) {
    std::unique_lock lock(mutex_);
    revoked_.insert_or_assign(session, revoked_at);
    set_bit(session);
}

Task<void> SessionRevocations::load() {
    const Time now = clock_.now();
    const Time since = std::max(loaded_until_ - kOverlap, now - memory_);
    RevokedSession last{SessionId{}, since};
    for (bool has_more = true; has_more;) {
        const Page page = co_await source_(last);
        for (const auto& session : page.sessions) add(session.id, session.revoked_at);
        has_more = page.has_more && !page.sessions.empty();
        if (has_more) last = page.sessions.back();
    }
    loaded_until_ = now;
    forget_before(now - memory_);
}

void SessionRevocations::forget_before(Time time) {
    std::unique_lock lock(mutex_);
    if (std::erase_if(revoked_, [&](const auto& entry) { return entry.second < time; }) == 0) return;
    auto words = std::make_unique<std::array<std::uint64_t, kBits / 64>>();
    for (const auto& [session, at] : revoked_) {
        const std::size_t bit = bit_of(session);
        (*words)[bit / 64] |= std::uint64_t{1} << (bit % 64);
    }
    // Bits of living entries are in both the old and the new word, so a reader never misses one.
    for (std::size_t i = 0; i < words->size(); ++i) filter_[i].store((*words)[i], std::memory_order_release);
}

}  // namespace guildhall::user
