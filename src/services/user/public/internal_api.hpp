#pragma once

#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/json/constraints.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::user {

// The contract between this service's internal routes and their clients. A running version reads what the one before
// and the one after write: members are added, never changed or taken away.

/// POST /internal/v1/user/cards; also /blocked, of the token's subject.
struct UsersQuestion {
    json::AtMost<500, UserId> ids;
};
BOOST_DESCRIBE_STRUCT(UsersQuestion, (), (ids))

/// POST /internal/v1/user/hidden: who is hidden from the token's subject.
struct HiddenQuestion {};
BOOST_DESCRIBE_STRUCT(HiddenQuestion, (), ())

/// The cards of those who exist, in no order.
struct CardsAnswer {
    std::vector<Card> cards;
};
BOOST_DESCRIBE_STRUCT(CardsAnswer, (), (cards))

/// Of /hidden and /blocked, in no order.
struct UsersAnswer {
    std::vector<UserId> ids;
};
BOOST_DESCRIBE_STRUCT(UsersAnswer, (), (ids))

/// POST /internal/v1/user/traits, to a UsersQuestion.
struct TraitsAnswer {
    std::vector<Traits> traits;
};
BOOST_DESCRIBE_STRUCT(TraitsAnswer, (), (traits))

/// POST /internal/v1/user/email: is it the member's?
struct EmailQuestion {
    UserId user_id;
    json::Email email;
};
BOOST_DESCRIBE_STRUCT(EmailQuestion, (), (user_id, email))

/// The answer.
struct EmailAnswer {
    bool is_theirs = false;
};
BOOST_DESCRIBE_STRUCT(EmailAnswer, (), (is_theirs))

/// POST /internal/v1/user/handles
struct HandlesQuestion {
    json::AtMost<100, std::string> handles;
};
BOOST_DESCRIBE_STRUCT(HandlesQuestion, (), (handles))

/// In the order of the question; null for a handle that is nobody's.
struct HandlesAnswer {
    std::vector<std::optional<UserId>> ids;
};
BOOST_DESCRIBE_STRUCT(HandlesAnswer, (), (ids))

/// POST /internal/v1/user/sessions: the keys of access tokens, and the sessions that were revoked then, with an id
/// above `after` (0 when not given), or later.
struct SessionsQuestion {
    Time since;
    std::optional<SessionId> after;
};
BOOST_DESCRIBE_STRUCT(SessionsQuestion, (), (since, after))

/// A session that ended before its access tokens did.
struct RevokedSession {
    SessionId id;
    Time revoked_at;
};
BOOST_DESCRIBE_STRUCT(RevokedSession, (), (id, revoked_at))

/// In an answer, at most.
inline constexpr std::size_t kMaxRevokedInAnswer = 1000;

/// What every process must know to let members in.
struct SessionsAnswer {
    std::string jwks;                     // a JWKS document (RFC 7517), as text
    std::vector<RevokedSession> revoked;  // in the order of time and id
    std::optional<bool> has_more;         // ask again after the last of them
};
BOOST_DESCRIBE_STRUCT(SessionsAnswer, (), (jwks, revoked, has_more))

}  // namespace guildhall::user
