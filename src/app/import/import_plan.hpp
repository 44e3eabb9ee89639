#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/import/import_input.hpp"
#include "platform/base/clock.hpp"
#include "services/post/public/types.hpp"

namespace guildhall::app {

/// Everything that an import is made of.
struct ImportInput {
    EdgeList graph;
    std::vector<std::string> paragraphs;   // may be empty: no posts
    std::vector<std::string> names;        // empty: built-in ones
    std::vector<std::string> occupations;  // empty: built-in ones
    std::uint64_t seed = 1;
    std::size_t post_count = 0;
};

/// A node as a member.
struct PlannedMember {
    std::int64_t node;
    std::string name;
    std::string handle;
    std::string email;
    std::string headline;
    std::string location;
    Time created_at;
};

/// An edge as a connection.
struct PlannedConnection {
    std::uint32_t a;  // places of members
    std::uint32_t b;
    Time connected_at;
};

/// A post; ImportPlan::text_of() gives its text.
struct PlannedPost {
    std::uint32_t author;
    std::size_t paragraph;
    post::Visibility visibility;
    Time created_at;
};

/// A comment on a post, or a reply to it.
struct PlannedComment {
    std::size_t n;  // of the post
    std::size_t k;  // 0: of the post itself; 1: a reply to that
    std::uint32_t author;
    std::string text;
    Time created_at;
};

/// A reaction to a post.
struct PlannedReaction {
    std::size_t n;
    std::uint32_t member;
    post::ReactionKind kind;
    Time created_at;
};

/// What an import writes: a pure function of the input, so that it can be computed by others and repeated after a
/// crash. docs/import.md defines it; what is here must stay as it says. Thread-safe.
class ImportPlan {
public:
    explicit ImportPlan(ImportInput input);

    std::size_t member_count() const { return input_.graph.nodes.size(); }
    std::size_t connection_count() const { return input_.graph.edges.size(); }
    std::size_t post_count() const { return input_.post_count; }

    std::int64_t node(std::size_t place) const { return input_.graph.nodes[place]; }
    /// The member of a place in EdgeList::nodes.
    PlannedMember member(std::size_t place) const;
    /// The connection of a place in EdgeList::edges.
    PlannedConnection connection(std::size_t index) const;
    /// Post `n` of post_count().
    PlannedPost post(std::size_t n) const;
    const std::string& text_of(const PlannedPost& post) const { return input_.paragraphs[post.paragraph]; }
    /// None, a comment by a connection of the post's author, or that and the author's reply to it; none when the author
    /// has no connection.
    std::vector<PlannedComment> comments(std::size_t n) const;
    /// By connections of the post's author, each at most once.
    std::vector<PlannedReaction> reactions(std::size_t n) const;

    /// Names this network among imports into one instance: of other files or of another seed it is another one. The
    /// number of posts is no part of it, so that an import can be continued with more.
    const std::string& digest() const { return digest_; }

    const ImportInput& input() const { return input_; }

private:
    std::uint64_t hash(std::string_view kind, std::string_view name) const;
    std::uint64_t hash(std::string_view kind, std::size_t n) const { return hash(kind, std::to_string(n)); }

    const ImportInput input_;
    std::vector<std::vector<std::uint32_t>> connected_;  // by place, ascending
    std::string digest_;
};

}  // namespace guildhall::app
