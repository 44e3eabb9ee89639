#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "platform/sql/database.hpp"
#include "services/connection/public/network.hpp"
#include "services/post/post.hpp"
#include "services/user/public/directory.hpp"

namespace guildhall::post {

/// Somebody who reads, with all that decides what they may see: the one place of the visibility rule. Loaded once for
/// a request.
class Viewer {
public:
    /// Somebody who is not signed in.
    Viewer() = default;
    Viewer(UserId id, std::shared_ptr<const user::UserSet> hidden, connection::Circle circle)
        : id_(id), hidden_(std::move(hidden)), circle_(std::move(circle)) {}

    /// 0 when not signed in.
    UserId id() const { return id_; }
    /// Null when not signed in.
    const std::shared_ptr<const connection::Ids>& followed() const { return circle_.followed; }

    /// True when neither may see anything of the other.
    bool is_hidden(UserId other) const { return hides_anybody() && hidden_->contains(other); }
    bool is_connected(UserId other) const;
    /// True when there is somebody who is hidden from the viewer.
    bool hides_anybody() const { return hidden_ && !hidden_->empty(); }
    /// Those who are hidden from the viewer, in no order.
    sql::Ids hidden_ids() const;
    std::size_t hidden_count() const { return hidden_ ? hidden_->size() : 0; }
    /// True when one of `mentions` is of a member who is hidden from the viewer.
    bool hides_any(const std::vector<Mention>& mentions) const;
    /// `mentions` without those of hidden members, whose handles are then plain text.
    std::vector<Mention> visible(std::vector<Mention> mentions) const;
    /// True when posts of `author` are in the viewer's feed: their own and those of whom they follow.
    bool follows(UserId author) const;

    /// The smallest audience that the viewer is of, for posts of `author`; nothing when they are hidden from each
    /// other.
    std::optional<Visibility> audience_of(UserId author) const;
    bool may_see(UserId author, Visibility visibility) const;

private:
    UserId id_;
    std::shared_ptr<const user::UserSet> hidden_;
    connection::Circle circle_;
};

}  // namespace guildhall::post
