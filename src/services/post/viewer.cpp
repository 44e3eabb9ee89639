#include "services/post/viewer.hpp"

#include <algorithm>

namespace guildhall::post {

bool Viewer::is_connected(UserId other) const {
    return circle_.connections && connection::contains(*circle_.connections, other);
}

bool Viewer::follows(UserId author) const {
    return author == id_ || (circle_.followed && connection::contains(*circle_.followed, author));
}

std::optional<Visibility> Viewer::audience_of(UserId author) const {
    if (!id_) return Visibility::everyone;
    if (author == id_) return Visibility::connections;
    if (is_hidden(author)) return std::nullopt;
    return is_connected(author) ? Visibility::connections : Visibility::members;
}

sql::Ids Viewer::hidden_ids() const {
    sql::Ids ids;
    if (!hidden_) return ids;
    ids.reserve(hidden_->size());
    for (const UserId user : *hidden_) ids.push_back(user.value);
    return ids;
}

bool Viewer::hides_any(const std::vector<Mention>& mentions) const {
    return std::ranges::any_of(mentions, [this](const Mention& mention) { return is_hidden(mention.user_id); });
}

std::vector<Mention> Viewer::visible(std::vector<Mention> mentions) const {
    std::erase_if(mentions, [this](const Mention& mention) { return is_hidden(mention.user_id); });
    return mentions;
}

bool Viewer::may_see(UserId author, Visibility visibility) const {
    if (visibility == Visibility::members && id_) return !is_hidden(author);  // most posts; needs no connections
    const std::optional<Visibility> audience = audience_of(author);
    return audience && visibility <= *audience;
}

}  // namespace guildhall::post
