#pragma once

#include <type_traits>

#include <boost/describe/enum.hpp>

#include "platform/base/id.hpp"

namespace guildhall::post {

using PostId = Id<struct PostTag>;
using CommentId = Id<struct CommentTag>;

/// Who may see a post, besides its author; nobody sees a post of a member they block or who blocks them.
/// Stored as its number: a greater one is a smaller audience.
enum class Visibility {
    everyone,     // "public": also who is not signed in
    members,      // whoever is signed in
    connections,  // who is connected with the author now
};

// By hand, because the JSON name of `everyone`, "public", is a word of the language.
// clang-format off
BOOST_DESCRIBE_ENUM_BEGIN(Visibility)
, [] {
    struct Everyone {
        static constexpr auto value() noexcept { return Visibility::everyone; }
        static constexpr auto name() noexcept { return "public"; }
    };
    return Everyone();
}()
BOOST_DESCRIBE_ENUM_ENTRY(Visibility, members)
BOOST_DESCRIBE_ENUM_ENTRY(Visibility, connections)
BOOST_DESCRIBE_ENUM_END(Visibility)
    // clang-format on

    /// What a member can say to a post without words. Stored as its number.
    enum class ReactionKind {
        like,
        celebrate,
        support,
        love,
        insightful,
        funny
    };
BOOST_DESCRIBE_ENUM(ReactionKind, like, celebrate, support, love, insightful, funny)
inline constexpr int kReactionKinds = 6;

}  // namespace guildhall::post
