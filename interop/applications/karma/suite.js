// What the browser runs: passing, failing, skipped and asynchronous tests, and a message to the console.
describe('a suite', () => {
  it('adds', () => expect(1 + 1).toBe(2))
  it('waits', async () => {
    await new Promise((resolve) => setTimeout(resolve, 5))
    expect(document.readyState).toBe('complete')
  })
  it('fails', () => expect('this').toBe('that'))
  xit('is skipped', () => {})
  it('logs', () => {
    console.log('from the browser', { answer: 42 })
    expect(navigator.userAgent).toContain('Chrome')
  })
  for (let index = 0; index < 200; index++)
    it(`is one of many ${index}`, () => expect(index).toBeGreaterThan(-1))
})
