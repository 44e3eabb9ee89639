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
    members,      // everyone who is signed in
    connections,  // who is connected with the author now
};

namespace detail {
template <Visibility Value>
struct VisibilityEntry {
    static constexpr auto value() noexcept { return Value; }
    static constexpr auto name() noexcept {
        if constexpr (Value == Visibility::everyone) {
            return "public";
        } else {
            return Value == Visibility::members ? "members" : "connections";
        }
    }
};
}  // namespace detail

/// What BOOST_DESCRIBE_ENUM would make, by hand: the JSON name of `everyone`, "public", is a word of the language.
inline auto boost_enum_descriptor_fn(Visibility** /*unused*/) {
    return boost::describe::detail::enum_descriptor_fn_impl(0, detail::VisibilityEntry<Visibility::everyone>(),
                                                            detail::VisibilityEntry<Visibility::members>(),
                                                            detail::VisibilityEntry<Visibility::connections>());
}

/// What a member can say to a post without words. Stored as its number.
enum class ReactionKind { like, celebrate, support, love, insightful, funny };
BOOST_DESCRIBE_ENUM(ReactionKind, like, celebrate, support, love, insightful, funny)
inline constexpr int kReactionKinds = 6;

}  // namespace guildhall::post
