/** The Socket.IO protocol revision of the newest servers. */
export const protocol: 5 = 5
