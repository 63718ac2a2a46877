// The release of this package, as nodes tell each other; a test keeps it equal to package.json.
export const RELEASE = '4.100.0'
