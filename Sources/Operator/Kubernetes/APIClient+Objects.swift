import Support

/// The verbs on objects.
extension APIClient {
    /// One object, or `nil` when there is none.
    func get(_ type: ResourceType, _ key: ObjectKey) async throws -> JSONValue? {
        try await self.get(path: type.path(key))
    }

    /// The object at a path, or `nil` when there is none.
    func get(path: String) async throws -> JSONValue? {
        do {
            return try await self.send(APIRequest(method: .get, path: path))
        } catch let error as APIError where error.isNotFound {
            return nil
        }
    }

    /// Creates or changes the fields of `object` and nothing else (server-side apply, operator.md OB5).
    func apply(
        _ type: ResourceType,
        _ key: ObjectKey,
        _ object: JSONValue,
        fieldManager: String = APIClient.fieldManager
    ) async throws -> JSONValue {
        try await self.send(
            APIRequest(
                method: .patch,
                path: type.path(key),
                query: [("fieldManager", fieldManager), ("force", "true")],
                contentType: .apply,
                body: object
            )
        )
    }

    /// Changes an object, or one of its subresources, by a merge patch.
    func mergePatch(
        _ type: ResourceType,
        _ key: ObjectKey,
        _ patch: JSONValue,
        subresource: String? = nil
    ) async throws -> JSONValue {
        try await self.send(
            APIRequest(
                method: .patch,
                path: type.path(key, subresource: subresource),
                query: [("fieldManager", Self.fieldManager)],
                contentType: .mergePatch,
                body: patch
            )
        )
    }

    /// Creates an object.
    func create(_ type: ResourceType, namespace: String, _ object: JSONValue) async throws -> JSONValue {
        try await self.send(
            APIRequest(
                method: .post,
                path: type.collectionPath(namespace: namespace),
                query: [("fieldManager", Self.fieldManager)],
                contentType: .json,
                body: object
            )
        )
    }

    /// Replaces an object; its `resourceVersion` says which state of it was read.
    func replace(_ type: ResourceType, _ key: ObjectKey, _ object: JSONValue) async throws -> JSONValue {
        try await self.send(
            APIRequest(method: .put, path: type.path(key), contentType: .json, body: object)
        )
    }

    /// Deletes an object, what belongs to it in the background; `uid` protects a namesake made meanwhile. An object
    /// that is not there, or whose API is not installed, is fine. True when there was something to delete.
    @discardableResult
    func delete(_ type: ResourceType, _ key: ObjectKey, uid: String? = nil) async throws -> Bool {
        var options: JSONValue = [
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        ]
        if let uid { options.set("preconditions", ["uid": .string(uid)]) }
        do {
            _ = try await self.send(
                APIRequest(method: .delete, path: type.path(key), contentType: .json, body: options)
            )
            return true
        } catch let error as APIError where error.isNotFound {
            return false
        }
    }
}
